from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.decode.masks import read_class_ids
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.camvid import INFO, samples
from tf_image_segmentation.errors import DataError


@pytest.fixture
def root(tmp_path):
    for split, names in {"train": ["b.png", "a 1.png"], "test": ["t.png"]}.items():
        for folder in (split, f"{split}annot"):
            (tmp_path / folder).mkdir()
            for name in names:
                (tmp_path / folder / name).touch()
    return tmp_path


def test_description():
    assert get_dataset("camvid").info is INFO
    assert (INFO.num_classes, INFO.ignore_label) == (11, 11)
    assert INFO.splits == {"train": 367, "val": 101, "test": 233}
    assert len(set(INFO.palette)) == 11


# fault 23, 25 and 26
def test_folders_are_paired_by_name_where_there_is_no_list(root):
    for litter in (".DS_Store", "._a 1.png", "Thumbs.db"):
        (root / "train" / litter).touch()
    found = list(samples(root, "train"))
    assert [sample.image_id for sample in found] == ["a 1", "b"]
    assert found[0].image == root / "train/a 1.png"
    assert found[0].mask == root / "trainannot/a 1.png"
    assert not missing_files(found)


# fault 20
def test_a_file_without_its_partner_is_reported(root):
    (root / "train/a 1.png").unlink()
    (root / "trainannot/b.png").unlink()
    missing = missing_files(samples(root, "train"))
    assert missing["a 1"].endswith("train/a 1.png: missing")
    assert missing["b"].endswith("trainannot/b.png: missing")


# fault 21
def test_a_list_rules_and_keeps_its_order(root):
    content = "\ufefftrain/b.png trainannot/b.png\r\n\r\ntrain/a 1.png trainannot/a 1.png\r\n"
    (root / "train.txt").write_bytes(content.encode())
    assert [sample.image_id for sample in samples(root, "train")] == ["b", "a 1"]
    assert [sample.image_id for sample in samples(root, "test")] == ["t"]


# fault 22
def test_the_lists_of_the_public_copy_name_files_from_the_folder_of_its_authors(root):
    (root / "train.txt").write_text(
        "/SegNet/CamVid/train/b.png /SegNet/CamVid/trainannot/b.png\n"
        "/SegNet/CamVid/train/a 1.png /SegNet/CamVid/trainannot/a 1.png\n"
    )
    found = list(samples(root, "train"))
    assert [sample.image_id for sample in found] == ["b", "a 1"]
    assert found[0].mask == root / "trainannot/b.png" and not missing_files(found)


def test_ids_in_two_splits_are_refused(root):
    shutil.copytree(root / "train", root / "val")
    shutil.copytree(root / "trainannot", root / "valannot")
    with pytest.raises(DataError, match=r"2 ids are listed twice: a 1 \(in train and val\), b"):
        samples(root, "train")


# fault 24
@pytest.mark.parametrize(
    "line",
    ["/CamVid/a.png /m.png", "/SegNet/CamVid//etc/a /SegNet/CamVid/b", "train/b.png ../secret.png"],
)
def test_paths_that_leave_the_folder_are_refused(root, line):
    (root / "train.txt").write_text(line)
    with pytest.raises(DataError, match="would leave the folder"):
        list(samples(root, "train"))


# fault 28
def test_unknown_and_absent_splits_are_said(root):
    with pytest.raises(
        DataError, match=r"unknown split 'dev'; choose from \['test', 'train', 'val'\]"
    ):
        samples(root, "dev")
    with pytest.raises(DataError, match=r"has neither val\.txt nor a folder val; check the root"):
        samples(root, "val")


def test_real_camvid(shared_data):
    root = shared_data / "camvid"
    counts = np.zeros(12, np.int64)
    for split, size in {"train": 367, "val": 101}.items():
        found = list(samples(root, split))
        assert len(found) == size
        assert not missing_files(found)
        for sample in found[::8]:
            checked = read_sample(sample, INFO)
            assert (checked.height, checked.width, checked.image_format) == (360, 480, "png")
        for sample in found:
            mask = read_class_ids(sample, INFO)
            np.testing.assert_array_equal(mask, np.asarray(Image.open(sample.mask)))
            counts += np.bincount(mask.ravel(), minlength=12)
    assert (counts > 0).all()
