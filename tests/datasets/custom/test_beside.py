from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.detection import detect_one
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.errors import DataError

BESIDE = get_dataset("beside")
IDS = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
CLASSES = "Pixel Value, Class\n0, background\n1, pothole\n2, crack in road\n"


def write(root, *names, suffix="_mask", classes="_classes.csv"):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (3, 2)).save(root / f"{name}.jpg")
        Image.fromarray(IDS).save(root / f"{name}{suffix}.png")
        (root / name).parent.joinpath(classes).write_text(CLASSES)


def test_splits_of_roboflow(tmp_path):
    write(tmp_path, "train/a.rf.1", "train/b", "valid/c", "test/d")
    (tmp_path / "README.roboflow.txt").touch()
    info, splits = BESIDE.open(tmp_path)
    assert info.class_names == ("background", "pothole", "crack in road")
    assert info.splits == {"test": 1, "train": 2, "val": 1}
    assert [sample.image_id for sample in splits["train"]] == ["a.rf.1", "b"]
    for samples in splits.values():
        np.testing.assert_array_equal(read_sample(samples[0], info).mask, IDS)
    assert detect_one(tmp_path).name == "beside"
    (tmp_path / "test/_classes.csv").write_text(CLASSES + "3, more\n")
    with pytest.raises(DataError, match="name different classes; export them together"):
        BESIDE.open(tmp_path)


def test_any_suffix_and_no_splits(tmp_path):
    write(tmp_path, "a", suffix="-labels", classes="classes.csv")
    with pytest.raises(DataError, match=r"such as a_mask\.png; add --mask-suffix=-labels"):
        BESIDE.open(tmp_path)
    assert "; add --mask-suffix=-labels" in detect_one(tmp_path).reason
    info, splits = BESIDE.open(tmp_path, mask_suffix="-labels")
    assert info.splits == {"train": 1}
    np.testing.assert_array_equal(read_sample(splits["train"][0], info).mask, IDS)
    with pytest.raises(DataError, match="--mask-suffix must not be empty"):
        BESIDE.open(tmp_path, mask_suffix="")


# fault 20
def test_files_without_their_partner_are_reported(tmp_path):
    write(tmp_path, "a", "b", "c")
    (tmp_path / "a_mask.png").unlink()
    (tmp_path / "b.jpg").unlink()
    missing = missing_files(BESIDE.open(tmp_path).splits["train"])
    assert missing == {
        "a": f"{tmp_path}/a_mask.png: missing",
        "b": f"{tmp_path}/b.jpg: missing",
    }


def test_classes_must_be_named(tmp_path):
    write(tmp_path, "a")
    (tmp_path / "_classes.csv").unlink()
    with pytest.raises(DataError, match=r"nothing names the classes; make classes\.csv"):
        BESIDE.open(tmp_path)
