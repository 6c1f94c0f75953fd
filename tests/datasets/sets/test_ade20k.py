from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.ade20k import INFO, samples
from tf_image_segmentation.errors import DataError

IDS = {
    "training": ["ADE_train_00000002", "ADE_train_00000001"],
    "validation": ["ADE_val_00000001"],
}


@pytest.fixture
def root(tmp_path):
    """Every stored value, 0 to 150; the image is gray, as a few of the real ones are."""
    folder = tmp_path / "ADEChallengeData2016"
    stored = np.arange(151, dtype=np.uint8)[None]
    for split, names in IDS.items():
        for kind in ("images", "annotations"):
            (folder / kind / split).mkdir(parents=True)
        for name in names:
            Image.fromarray(stored).save(folder / f"images/{split}/{name}.jpg")
            Image.fromarray(stored).save(folder / f"annotations/{split}/{name}.png")
    (folder / "objectInfo150.txt").touch()
    return tmp_path


def test_published_classes():
    assert get_dataset("ade20k").info is INFO
    assert INFO.splits == {"train": 20210, "val": 2000}
    assert INFO.num_classes == len(set(INFO.class_names)) == 150
    # Number in objectInfo150.txt, name and color.
    for number, name, color in (
        (1, "wall", (120, 120, 120)),
        (3, "sky", (6, 230, 230)),
        (13, "person", (150, 5, 61)),
        (21, "car", (0, 102, 200)),
        (94, "pole", (51, 0, 255)),
        (105, "fountain", (8, 184, 170)),
        (150, "flag", (92, 0, 255)),
    ):
        assert (INFO.class_names[number - 1], INFO.palette[number - 1]) == (name, color)
    shared = [n for n, c in zip(INFO.class_names, INFO.palette, strict=True) if c == (140,) * 3]
    assert shared == ["road", "skyscraper"]
    assert len(set(INFO.palette)) == 149


@pytest.mark.parametrize("below", [".", "ADEChallengeData2016"])
def test_folders_are_paired_by_name(root, below):
    (root / "ADEChallengeData2016/images/training/._ADE_train_00000001.jpg").touch()
    found = list(samples(root / below, "train"))
    assert [sample.image_id for sample in found] == sorted(IDS["training"])
    assert [sample.image_id for sample in samples(root / below, "val")] == IDS["validation"]
    assert not missing_files(found)


# fault 18
def test_zero_is_void_and_class_ids_are_one_less(root):
    checked = read_sample(next(samples(root, "val")), INFO)
    np.testing.assert_array_equal(checked.mask, [[255, *range(150)]])
    assert checked.image_format == "png"


# fault 16
def test_a_value_beyond_the_classes_is_refused(root):
    path = root / "ADEChallengeData2016/annotations/validation/ADE_val_00000001.png"
    Image.fromarray(np.full((1, 151), 151, np.uint8)).save(path)
    with pytest.raises(DataError, match=r"151 \(151 pixels\)"):
        read_sample(next(samples(root, "val")), INFO)


# fault 20, 22 and 28
def test_what_is_missing_or_twice_is_said(root):
    folder = root / "ADEChallengeData2016"
    (folder / "annotations/training/ADE_train_00000001.png").unlink()
    assert list(missing_files(samples(root, "train"))) == ["ADE_train_00000001"]
    shutil.copy(folder / "images/validation/ADE_val_00000001.jpg", folder / "images/training")
    with pytest.raises(DataError, match=r"ADE_val_00000001 \(in train and val\)"):
        samples(root, "val")
    shutil.rmtree(folder / "images/validation")
    with pytest.raises(DataError, match="images/validation: there is no such folder"):
        samples(root, "val")
    with pytest.raises(DataError, match="unknown split 'validation'"):
        samples(root, "validation")
    with pytest.raises(DataError, match="has no annotations; give the folder that holds it"):
        samples(folder / "images", "train")
