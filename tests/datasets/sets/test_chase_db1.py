from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.chase_db1 import INFO, samples
from tf_image_segmentation.errors import DataError

IDS = [f"Image_{child:02}{eye}" for child in range(1, 15) for eye in "LR"]


def vessels(number):
    rows, columns = np.indices((10, 13))
    return (rows + number * columns) % 7 < 2


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "CHASEDB1"
    folder.mkdir()
    for number, name in enumerate(IDS):
        Image.new("RGB", (13, 10), (number, 0, 0)).save(folder / f"{name}.jpg")
        Image.fromarray(vessels(number)).save(folder / f"{name}_1stHO.png", bits=1)
        Image.fromarray(~vessels(number)).save(folder / f"{name}_2ndHO.png", bits=1)
    return tmp_path


@pytest.mark.parametrize("below", ["", "CHASEDB1"])
def test_twenty_images_train_and_eight_test(root, below):
    found = {split: list(samples(root / below, split)) for split in INFO.splits}
    assert [sample.image_id for sample in found["train"]] == IDS[:20]
    assert [sample.image_id for sample in found["test"]] == IDS[20:]
    assert {split: len(found[split]) for split in found} == INFO.splits == {"train": 20, "test": 8}
    assert not missing_files([*found["train"], *found["test"]])


def test_masks_of_the_first_observer_in_one_bit_and_as_saved_again(root):
    again = root / "CHASEDB1/Image_02L_1stHO.png"
    Image.fromarray(np.where(vessels(2), 255, 0).astype(np.uint8)).save(again)
    assert Image.open(root / "CHASEDB1/Image_01L_1stHO.png").mode == "1"
    for number, sample in enumerate(samples(root, "train")):
        np.testing.assert_array_equal(read_sample(sample, INFO).mask, vessels(number))


def test_a_mask_with_other_values_is_refused(root):
    gray = np.full((10, 13), 128, np.uint8)
    Image.fromarray(gray).save(root / "CHASEDB1/Image_01L_1stHO.png")
    with pytest.raises(DataError, match=r"Image_01L_1stHO\.png: .*label map.*128 \(130 pixels\)"):
        read_sample(next(samples(root, "train")), INFO)


def test_what_is_missing_is_said(root):
    (root / "CHASEDB1/Image_14R.jpg").unlink()
    (root / "CHASEDB1/Image_11L_1stHO.png").unlink()
    assert list(missing_files(samples(root, "test"))) == ["Image_11L", "Image_14R"]
    (root / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: has no Image_01L\.jpg"):
        samples(root / "empty", "train")
    with pytest.raises(DataError, match=r"unknown split 'val'; choose from \['test', 'train'\]"):
        samples(root, "val")
