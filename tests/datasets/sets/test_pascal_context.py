from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.io
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets import pascal_voc
from tf_image_segmentation.datasets.sets.pascal_context import (
    INFO_59,
    INFO_60,
    read_label_map,
    samples,
)
from tf_image_segmentation.errors import DataError

# As other programs list them: MMSegmentation's converter and the Detail API.
PUBLISHED_IDS = {
    *(2, 259, 260, 415, 324, 9, 258, 144, 18, 19, 22, 23, 397, 25, 284, 158, 159, 416, 33, 162),
    *(420, 454, 295, 296, 427, 44, 45, 46, 308, 59, 440, 445, 31, 232, 65, 354, 424, 68, 326, 72),
    *(458, 34, 207, 80, 355, 85, 347, 220, 349, 360, 98, 187, 104, 105, 366, 189, 368, 113, 115),
}
# One of: no name, aeroplane, person, sky, bedclothes, wood, table, and three that are no class:
# accordion, unknown, wool.
STORED = np.array([[0, 2, 284, 360, 19], [458, 397, 1, 431, 459]], np.uint16)


@pytest.fixture
def root(tmp_path):
    voc = tmp_path / "VOCdevkit/VOC2010"
    for folder in (voc / "ImageSets/Main", voc / "JPEGImages", tmp_path / "trainval"):
        folder.mkdir(parents=True)
    (voc / "ImageSets/Main/train.txt").write_text("2008_000003\n2008_000002\n")
    (voc / "ImageSets/Main/val.txt").write_text("2008_000007\n")
    # Beside the masks lie the names, which are not needed.
    (tmp_path / "labels.txt").write_text("1: accordion\n2: aeroplane\n")
    for name in ("2008_000002", "2008_000003", "2008_000007"):
        Image.new("RGB", (5, 2)).save(voc / f"JPEGImages/{name}.jpg")
        scipy.io.savemat(
            tmp_path / f"trainval/{name}.mat", {"LabelMap": STORED}, do_compression=True
        )
    return tmp_path


def test_descriptions():
    assert get_dataset("pascal_context_59").info is INFO_59
    assert get_dataset("pascal_context_60").info is INFO_60
    assert (INFO_59.num_classes, INFO_60.num_classes) == (59, 60)
    assert INFO_60.class_names == ("background", *INFO_59.class_names)
    stored = {value for value, label in INFO_59.label_map.items() if label != 255}
    assert stored == PUBLISHED_IDS and len(PUBLISHED_IDS) == 59
    assert sum(INFO_59.splits.values()) == 10103
    # The first classes are those of VOC, some of them written in one word.
    for ours, theirs in zip(INFO_60.class_names, pascal_voc.CLASS_NAMES, strict=False):
        assert ours == theirs.replace(" ", "")
    assert INFO_60.palette[:21] == pascal_voc.INFO.palette
    assert len(set(INFO_59.palette)) == 59


def test_well_known_ids():
    names = INFO_59.class_names
    stored = INFO_59.label_map
    for name, value in {"tvmonitor": 427, "clothes": 80, "curtain": 105, "sidewalk": 354}.items():
        assert names[stored[value]] == name
    assert (names[0], names[19], names[20], names[58]) == ("aeroplane", "tvmonitor", "bag", "wood")


def test_masks_of_both_sets(root):
    (sample,) = samples(root, "val")
    assert pickle.loads(pickle.dumps(sample)) == sample
    with_void = read_sample(sample, INFO_59).mask
    names = [INFO_59.class_names[i] if i != 255 else "" for i in with_void.ravel()]
    known = ["", "aeroplane", "person", "sky", "bedcloth", "wood", "diningtable"]
    assert names == [*known, "", "", ""]
    with_background = read_sample(sample, INFO_60).mask
    np.testing.assert_array_equal(with_background, with_void + np.uint8(1))  # 255 + 1 wraps to 0


def test_samples_in_list_order_wherever_the_folders_lie(root):
    found = list(samples(root, "train"))
    assert [sample.image_id for sample in found] == ["2008_000003", "2008_000002"]
    assert found[0].image == root / "VOCdevkit/VOC2010/JPEGImages/2008_000003.jpg"
    assert found[0].mask == root / "trainval/2008_000003.mat"
    assert not missing_files(found)
    voc = root / "VOCdevkit/VOC2010"
    (root / "trainval").rename(voc / "trainval")
    for folder in (root, voc):
        assert not missing_files(samples(folder, "train"))


# fault 20, 24 and 28
def test_what_is_missing_is_said(root):
    (root / "trainval/2008_000007.mat").unlink()
    assert missing_files(samples(root, "val"))["2008_000007"].endswith("2008_000007.mat: missing")
    with pytest.raises(DataError, match="unknown split 'test'"):
        samples(root, "test")
    lists = root / "VOCdevkit/VOC2010/ImageSets/Main"
    (lists / "val.txt").write_text("../2008_000007\n")
    with pytest.raises(DataError, match="would leave the folder"):
        list(samples(root, "val"))
    (root / "trainval").rename(root / "masks")
    with pytest.raises(DataError, match="has no trainval; give the folder"):
        samples(root, "val")
    with pytest.raises(DataError, match="has no ImageSets/Main; give the folder"):
        samples(root / "masks", "val")


# fault 27
@pytest.mark.parametrize("content", [{"GTcls": STORED}, {"LabelMap": {"a": STORED}}])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, content)
    with pytest.raises(DataError, match=r"a\.mat: has no array LabelMap; .*trainval\.tar\.gz"):
        read_label_map(path)


def test_values_and_sizes_beyond_the_limits_are_refused(root):
    (sample,) = samples(root, "val")
    with pytest.raises(DataError, match=r"has 2 x 5 pixels .*, more than the limit of 9"):
        read_label_map(sample.mask, max_pixels=9)
    scipy.io.savemat(sample.mask, {"LabelMap": STORED + np.uint16(1)})
    with pytest.raises(DataError, match=r"label map of .*'pascal_context_59' lacks: 460 \(1 pixel"):
        read_sample(sample, INFO_59)
