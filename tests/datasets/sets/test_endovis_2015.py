from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.decode.masks import read_gray_mask
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.endovis_2015 import INFO, samples
from tf_image_segmentation.errors import DataError

VALUES = np.array([[0, 70, 160], [160, 0, 70]], np.uint8)
TRAINING = "Segmentation_Rigid_Training/Training"
TESTING = "Segmentation_Rigid_Testing_Revision/Testing"
TRUTH = "Segmentation_Rigid_Testing_GT"


def write(image, mask, values=VALUES):
    for path in (image, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (3, 2)).save(image)
    Image.fromarray(values).save(mask)


@pytest.fixture
def root(tmp_path):
    for operation in range(1, 5):
        folder = tmp_path / TRAINING / f"OP{operation}"
        for number in ("01", "40"):
            mask = folder / f"Masks/img_{number}_class.png"
            write(folder / f"Raw/img_{number}_raw.png", mask)
            mask.with_name(f"img_{number}_instrument.png").touch()
    for operation in range(1, 7):
        name = f"OP{operation}/img_00"
        write(
            tmp_path / TESTING / f"{name}_raw.png",
            tmp_path / TRUTH / f"{name}_class.png",
            np.stack([VALUES] * 3, axis=-1),  # gray as RGB
        )
    return tmp_path


def test_description():
    assert get_dataset("endovis_2015").info is INFO
    assert INFO.splits == {"train": 160, "test": 60}
    names = {value: INFO.class_names[INFO.label_map[value]] for value in INFO.label_map}
    assert names == {0: "background", 70: "manipulator", 160: "shaft"}


def test_all_operations_with_gray_and_rgb_masks(root):
    train, test = (list(samples(root, split)) for split in ("train", "test"))
    assert [sample.image_id for sample in train[:3]] == [
        "train_op1_img_01",
        "train_op1_img_40",
        "train_op2_img_01",
    ]
    assert [sample.image_id for sample in test] == [f"test_op{n}_img_00" for n in range(1, 7)]
    assert train[0].mask == root / TRAINING / "OP1/Masks/img_01_class.png"
    for sample in (train[0], test[5]):
        np.testing.assert_array_equal(read_sample(sample, INFO).mask, [[0, 1, 2], [2, 0, 1]])
    assert len(train) == 8 and not missing_files(train + test)


# fault 20 and 28
def test_what_is_missing_is_said(root):
    (root / TRAINING / "OP3/Raw/img_01_raw.png").unlink()
    assert list(missing_files(samples(root, "train"))) == ["train_op3_img_01"]
    with pytest.raises(DataError, match="unknown split 'val'"):
        samples(root, "val")
    for path in (root / TESTING / "OP6/img_00_raw.png", root / TRUTH / "OP6/img_00_class.png"):
        path.unlink()
    with pytest.raises(DataError, match=r"OP6: holds no img_<number>_raw\.png; unpack it again"):
        samples(root, "test")
    (root / TESTING / "OP6").rmdir()
    with pytest.raises(DataError, match="OP6: there is no such folder"):
        samples(root, "test")


def test_colors_and_other_values_are_refused(root):
    sample = next(samples(root, "train"))
    Image.new("RGB", (3, 2), (70, 160, 0)).save(sample.mask)
    with pytest.raises(DataError, match=r"img_01_class\.png: has colors"):
        read_gray_mask(sample.mask)
    Image.fromarray(VALUES + np.uint8(1)).save(sample.mask)
    with pytest.raises(DataError, match=r"lacks: 1 \(2 pixels\), 71 \(2 pixels\), 161"):
        read_sample(sample, INFO)
