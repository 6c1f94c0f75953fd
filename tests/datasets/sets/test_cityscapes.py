from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.cityscapes import INFO, samples
from tf_image_segmentation.errors import DataError

FRAMES = {
    "train": ["aachen_000000_000019", "zurich_000121_000019", "aachen_000001_000019"],
    "val": ["frankfurt_000000_000294"],
}


def mask_file(root, split, frame, kind="labelIds"):
    city = frame.partition("_")[0]
    return root / "gtFine" / split / city / f"{frame}_gtFine_{kind}.png"


@pytest.fixture
def root(tmp_path):
    """Every label id once, from 0 on; and beside the masks what else is in gtFine."""
    stored = np.arange(36, dtype=np.uint8).reshape(4, 9)
    stored[3, 7:] = 33, 255
    for split, frames in FRAMES.items():
        for frame in frames:
            city = frame.partition("_")[0]
            image = tmp_path / "leftImg8bit" / split / city / f"{frame}_leftImg8bit.png"
            mask = mask_file(tmp_path, split, frame)
            for path, values in ((image, np.zeros((4, 9, 3), np.uint8)), (mask, stored)):
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(path)
            for kind in ("color", "instanceIds", "labelTrainIds"):
                mask_file(tmp_path, split, frame, kind).touch()
            (mask.parent / f"{frame}_gtFine_polygons.json").touch()
    return tmp_path


def test_published_classes():
    assert get_dataset("cityscapes").info is INFO
    assert INFO.splits == {"train": 2975, "val": 500}
    assert INFO.num_classes == len(set(INFO.class_names)) == len(set(INFO.palette)) == 19
    # Train id, label id, name and color as in the benchmark's table.
    for train_id, label_id, name, color in (
        (0, 7, "road", (128, 64, 128)),
        (6, 19, "traffic light", (250, 170, 30)),
        (10, 23, "sky", (70, 130, 180)),
        (13, 26, "car", (0, 0, 142)),
        (16, 31, "train", (0, 80, 100)),
        (18, 33, "bicycle", (119, 11, 32)),
    ):
        assert INFO.label_map[label_id] == train_id
        assert (INFO.class_names[train_id], INFO.palette[train_id]) == (name, color)
    void = {stored for stored, label in INFO.label_map.items() if label == 255}
    assert void == {0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30, 255}


def test_frames_of_all_cities_in_order(root):
    for folder in ("leftImg8bit", "gtFine"):
        (root / folder / "train/.DS_Store").touch()
        (root / folder / "train/aachen/._aachen_000000_000019_leftImg8bit.png").touch()
    found = list(samples(root, "train"))
    assert [sample.image_id for sample in found] == sorted(FRAMES["train"])
    assert [sample.image_id for sample in samples(root, "val")] == FRAMES["val"]
    assert not missing_files(found)


def test_label_ids_become_train_ids(root):
    (sample,) = samples(root, "val")
    v = 255
    expected = [
        [v, v, v, v, v, v, v, 0, 1],
        [v, v, 2, 3, 4, v, v, v, 5],
        [v, 6, 7, 8, 9, 10, 11, 12, 13],
        [14, 15, v, v, 16, 17, 18, 18, v],
    ]
    np.testing.assert_array_equal(read_sample(sample, INFO).mask, expected)


# fault 16: ids that some versions of the authors' table have for lane marks
def test_other_label_ids_are_refused(root):
    Image.fromarray(np.full((4, 9), 34, np.uint8)).save(mask_file(root, "val", FRAMES["val"][0]))
    with pytest.raises(DataError, match=r"cityscapes' lacks: 34 \(36 pixels\)"):
        read_sample(next(samples(root, "val")), INFO)


# fault 20
def test_frames_without_their_partner_are_reported(root):
    mask_file(root, "train", "zurich_000121_000019").unlink()
    (root / "leftImg8bit/train/aachen/aachen_000001_000019_leftImg8bit.png").unlink()
    missing = missing_files(samples(root, "train"))
    assert missing["zurich_000121_000019"].endswith("gtFine_labelIds.png: missing")
    assert missing["aachen_000001_000019"].endswith("leftImg8bit.png: missing")
    assert len(missing) == 2


# fault 22
def test_the_same_frame_in_two_cities_is_refused(root):
    (root / "gtFine/train/zurich/aachen_000000_000019_gtFine_labelIds.png").touch()
    with pytest.raises(DataError, match=r"aachen_000000_000019 \(in train and train\)"):
        samples(root, "train")


# fault 28
def test_unknown_splits_and_absent_folders_are_said(root):
    with pytest.raises(DataError, match=r"unknown split 'test'; choose from \['train', 'val'\]"):
        samples(root, "test")
    with pytest.raises(DataError, match="leftImg8bit/val: there is no such folder"):
        samples(root / "gtFine", "val")
