from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.oxford_pet import INFO, samples
from tf_image_segmentation.errors import DataError

TRAINVAL = "Abyssinian_100 1 1 1\nyorkshire_terrier_9 37 2 25\n\nAbyssinian_5 1 1 1\n"
TEST = "#Image CLASS-ID SPECIES BREED ID\r\n#ID: 1:37 Class ids\r\nBengal_1 6 1 2\r\n"
TRIMAP = np.array([[1, 1, 3], [2, 2, 3]], np.uint8)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations/trimaps").mkdir(parents=True)
    (tmp_path / "annotations/trainval.txt").write_bytes(TRAINVAL.encode())
    (tmp_path / "annotations/test.txt").write_bytes(TEST.encode())
    photo = Image.fromarray(np.arange(18, dtype=np.uint8).reshape(2, 3, 3))
    for name in ("Abyssinian_100", "yorkshire_terrier_9", "Abyssinian_5", "Bengal_1"):
        photo.save(tmp_path / f"images/{name}.jpg")
        Image.fromarray(TRIMAP).save(tmp_path / f"annotations/trimaps/{name}.png")
        (tmp_path / f"annotations/trimaps/._{name}.png").write_bytes(b"\0\5\x16\7")
    return tmp_path


def test_description():
    assert get_dataset("oxford_pet").info is INFO
    assert INFO.class_names == ("background", "pet")
    assert INFO.splits == {"train": 3680, "test": 3669}


# fault 21 and 23
def test_lists_rule_without_their_comments_and_litter(root):
    found = list(samples(root, "train"))
    assert [s.image_id for s in found] == ["Abyssinian_100", "yorkshire_terrier_9", "Abyssinian_5"]
    assert [sample.image_id for sample in samples(root, "test")] == ["Bengal_1"]
    assert not missing_files(found)


def test_the_uncertain_border_is_void(root):
    checked = read_sample(next(samples(root, "train")), INFO)
    np.testing.assert_array_equal(checked.mask, [[1, 1, 255], [0, 0, 255]])


# fault 2: as Abyssinian_5 and Egyptian_Mau_139 really are
def test_images_that_are_no_jpeg_are_read_as_png_or_named(root):
    path = root / "images/Abyssinian_5.jpg"
    *_, sample = samples(root, "train")
    Image.fromarray(np.full((2, 3, 4), 90, np.uint8)).save(path, format="PNG")
    assert read_sample(sample, INFO).image_format == "png"
    Image.fromarray(TRIMAP).save(path, format="GIF")
    with pytest.raises(DataError, match=r"Abyssinian_5\.jpg: the content is GIF"):
        read_sample(sample, INFO)


# fault 16
def test_a_value_beyond_the_trimap_is_refused(root):
    Image.fromarray(TRIMAP - 1).save(root / "annotations/trimaps/Bengal_1.png")
    with pytest.raises(DataError, match=r"Bengal_1\.png: .* lacks: 0 \(2 pixels\)"):
        read_sample(next(samples(root, "test")), INFO)


# fault 20, 22, 24 and 28
def test_bad_lists_are_said(root):
    (root / "images/Abyssinian_100.jpg").unlink()
    assert list(missing_files(samples(root, "train"))) == ["Abyssinian_100"]
    listed = root / "annotations/test.txt"
    listed.write_text("../../secret 1 1 1\n")
    with pytest.raises(DataError, match="would leave the folder"):
        list(samples(root, "test"))
    listed.write_text("Abyssinian_100 1 1 1\n")
    with pytest.raises(DataError, match=r"Abyssinian_100 \(in train and test\)"):
        samples(root, "train")
    listed.unlink()
    with pytest.raises(DataError, match=r"test\.txt: the list cannot be read"):
        samples(root, "train")
    with pytest.raises(DataError, match=r"unknown split 'trainval'; choose from \['test', 'train'"):
        samples(root, "trainval")
