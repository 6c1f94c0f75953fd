from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets import cityscapes, kitti_road, kitti_semantics
from tf_image_segmentation.errors import DataError

ROAD_SIZES = {"um": 95, "umm": 96, "uu": 98}


@pytest.fixture
def semantics(tmp_path):
    """200 empty pairs, and what the stereo benchmark would add."""
    for folder in ("image_2", "semantic", "instance", "semantic_rgb"):
        (tmp_path / "training" / folder).mkdir(parents=True)
        for number in range(200):
            (tmp_path / f"training/{folder}/{number:06}_10.png").touch()
    (tmp_path / "training/image_2/000000_11.png").touch()
    return tmp_path


@pytest.fixture
def road(tmp_path):
    """The real names: 289 pairs, and a mask of the lane for each of um."""
    images, masks = (tmp_path / "data_road/training" / f for f in ("image_2", "gt_image_2"))
    images.mkdir(parents=True)
    masks.mkdir()
    for category, size in ROAD_SIZES.items():
        for number in range(size):
            (images / f"{category}_{number:06}.png").touch()
            (masks / f"{category}_road_{number:06}.png").touch()
    for number in range(ROAD_SIZES["um"]):
        (masks / f"um_lane_{number:06}.png").touch()
    return tmp_path


def test_semantics_has_the_classes_of_cityscapes():
    info = get_dataset("kitti_semantics").info
    assert info is kitti_semantics.INFO
    assert info.class_names == cityscapes.INFO.class_names
    assert (info.num_classes, info.class_names[13], info.label_map[26]) == (19, "car", 13)


def test_semantics_holds_out_the_last_forty(semantics):
    found = {split: list(kitti_semantics.samples(semantics, split)) for split in ("train", "val")}
    ids = {split: [sample.image_id for sample in found[split]] for split in found}
    assert ids["train"] == [f"{number:06}_10" for number in range(160)]
    assert ids["val"] == [f"{number:06}_10" for number in range(160, 200)]
    assert {split: len(ids[split]) for split in ids} == kitti_semantics.INFO.splits
    assert found["val"][0].mask == semantics / "training/semantic/000160_10.png"
    assert not missing_files(found["train"] + found["val"])


def test_semantics_stores_label_ids(semantics):
    *_, sample = kitti_semantics.samples(semantics, "val")
    Image.fromarray(np.zeros((1, 4, 3), np.uint8)).save(sample.image)
    Image.fromarray(np.array([[7, 33, 9, 0]], np.uint8)).save(sample.mask)
    checked = read_sample(sample, kitti_semantics.INFO)
    np.testing.assert_array_equal(checked.mask, [[0, 18, 255, 255]])


def test_road_holds_out_the_last_of_each_category_and_reads_no_lanes(road):
    for root in (road, road / "data_road"):
        found = {split: list(kitti_road.samples(root, split)) for split in ("train", "val")}
        sizes = {split: len(found[split]) for split in found}
        assert sizes == kitti_road.INFO.splits == {"train": 240, "val": 49}
    everything = found["train"] + found["val"]
    assert not missing_files(everything)
    assert len({sample.image_id for sample in everything}) == 289
    assert {sample.mask for sample in everything} == set(road.rglob("*_road_*.png"))
    assert found["val"][0].image_id == "um_000080"
    assert found["train"][-1].mask.name == "uu_road_000079.png"


# fault 11
def test_road_is_magenta_and_black_does_not_count(road):
    assert get_dataset("kitti_road").info is kitti_road.INFO
    sample = next(kitti_road.samples(road, "train"))
    colors = np.array([[[255, 0, 255], [255, 0, 0], [0, 0, 0]]], np.uint8)
    Image.fromarray(colors).save(sample.image)
    Image.fromarray(colors).save(sample.mask)
    checked = read_sample(sample, kitti_road.INFO)
    np.testing.assert_array_equal(checked.mask, [[1, 0, 255]])
    assert kitti_road.INFO.class_names[1] == "road"
    Image.fromarray(colors[:, :, ::-1]).save(sample.mask)
    with pytest.raises(DataError, match=r"\(0, 0, 255\) \(1 pixel\)"):
        read_sample(sample, kitti_road.INFO)


# fault 20, 23 and 28
@pytest.mark.parametrize(
    ("data_set", "layout", "folder", "masks", "mask", "image_id"),
    [
        (kitti_semantics, "semantics", ".", "semantic", "000007_10.png", "000007_10"),
        (kitti_road, "road", "data_road", "gt_image_2", "umm_road_000007.png", "umm_000007"),
    ],
)
def test_what_is_missing_is_said(data_set, layout, folder, masks, mask, image_id, request):
    root = request.getfixturevalue(layout)
    training = root / folder / "training"
    (training / "image_2" / f"._{image_id}.png").touch()
    (training / masks / mask).unlink()
    assert list(missing_files(data_set.samples(root, "train"))) == [image_id]
    (training / masks / mask).touch()
    (training / "image_2" / f"{image_id}.png").unlink()
    assert list(missing_files(data_set.samples(root, "train"))) == [image_id]
    with pytest.raises(DataError, match="unknown split 'test'"):
        data_set.samples(root, "test")
    (training / "image_2").rename(training / "left")
    with pytest.raises(DataError, match="image_2: there is no such folder"):
        data_set.samples(root, "train")
