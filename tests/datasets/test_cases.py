"""Exports as tools write them, in `../shared/cases`: the right classes and masks, drawn here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.detection import detect_one
from tf_image_segmentation.errors import DataError

CASES = Path(__file__).parents[3] / "shared/cases"
SIZE = (48, 64)
# First and last row, first and last column of each class.
FIRST, SECOND, THIRD = (8, 23, 8, 29), (30, 43, 34, 59), (4, 9, 50, 59)
TWO = {1: FIRST, 2: SECOND}
SQUARE = (5, 24, 5, 24)  # COCO: coordinates are edges of pixels

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/cases")


def drawn(rectangles):
    mask = np.zeros(SIZE, np.uint8)
    for label, (top, bottom, left, right) in rectangles.items():
        mask[top : bottom + 1, left : right + 1] = label
    return mask


@pytest.mark.parametrize(
    ("case", "layout", "options", "classes", "masks"),
    [
        (
            "cvat-segmentation-mask",
            "voc",
            {},
            "background bone cartilage",
            {f"frame_{number:06}": TWO for number in range(3)},
        ),
        (
            "voc-layout-own-classes",
            "voc",
            {},
            "background leaf stem",
            {"s1": TWO, "s2": TWO},
        ),
        (
            "coco-flat-polygon",
            "coco",
            {},
            "background cat dog",
            {"a": {1: SQUARE}, "b": {}},
        ),
        (
            "coco-empty-segmentation",
            "coco",
            {"boxes": "fill"},
            "background cat dog",
            {"a": {2: SQUARE}, "b": {1: SQUARE}},
        ),
        (
            "coco-empty-segmentation",
            "coco",
            {"boxes": "ignore"},
            "background cat dog",
            {"a": {1: SQUARE}, "b": {1: SQUARE}},
        ),
        (
            "label-studio-coco",
            "coco",
            {},
            "background Crack Pothole",
            {"images/1a2b3c4d-a": {1: SQUARE}, "images/1a2b3c4d-b": {2: SQUARE}},
        ),
        (
            "roboflow-semantic-masks",
            "beside",
            {},
            "background pothole crack",
            {f"img{number}_jpg.rf.0a1{letter}": TWO for number, letter in enumerate("bcde", 1)},
        ),
        (
            "index-in-three-channels",
            "folder",
            {},
            "background a b",
            {"x1": TWO, "x2": TWO},
        ),
        (
            "grey-levels-0-85-170-255",
            "folder",
            {"mask_encoding": "gray_levels"},
            "background edema core tumour",
            {"p1": TWO | {3: THIRD}, "p2": TWO | {3: THIRD}},
        ),
        (
            "rgba-transparent-colour",
            "folder",
            {"transparent": "background"},
            "background road car",
            {"a1": TWO, "a2": TWO},
        ),
        ("via-coco-export", "coco", {}, "background orange", {"a": {1: SQUARE}}),
    ],
)
def test_a_case_has_the_right_classes_and_masks(case, layout, options, classes, masks):
    assert detect_one(CASES / case)[:2] == (layout, CASES / case)
    of_masks = {key: options[key] for key in ("mask_encoding", "transparent") if key in options}
    of_layout = {key: options[key] for key in options if key not in of_masks}
    info, splits = get_dataset(layout).open(CASES / case, **of_layout)
    info = replace(info, **of_masks)
    assert info.class_names == tuple(classes.split())
    samples = [sample for split in splits.values() for sample in split]
    assert {sample.image_id for sample in samples} == set(masks)
    for sample in samples:
        mask = read_sample(sample, info).mask
        np.testing.assert_array_equal(mask, drawn(masks[sample.image_id]))


def test_roboflow_coco():
    library = pytest.importorskip("pycocotools.mask")
    info, splits = get_dataset("coco").open(CASES / "roboflow-coco")
    assert info.class_names == ("background", "pothole", "crack")
    assert info.splits == {"train": 2, "val": 1}
    # Its left side is oblique, so that the published drawing decides on one column of pixels.
    crack = library.decode(library.frPyObjects([[30.5, 5, 50, 5, 50, 25, 30, 25]], *SIZE))[..., 0]
    assert (crack[:, 31:] == drawn({1: (5, 24, 31, 49)})[:, 31:]).all()
    for sample in (*splits["train"], *splits["val"]):
        mask = read_sample(sample, info).mask
        np.testing.assert_array_equal(mask, drawn({1: SQUARE}) + 2 * crack)


def test_labelme_with_embedded_images():
    """The triangle (5, 5), (30, 6), (20, 30) by its three half planes, but for its outline."""
    info, splits = get_dataset("labelme").open(CASES / "labelme-imagedata-only")
    assert info.class_names == ("background", "card")
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    corners = [(5, 5), (30, 6), (20, 30)]
    sides = []
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = np.hypot(x1 - x0, y1 - y0)
        sides.append(((x1 - x0) * (rows - y0) - (y1 - y0) * (columns - x0)) / length)
    distance = np.min(sides, axis=0)
    for sample in splits["train"]:
        checked = read_sample(sample, info)
        assert checked.mask[distance >= 0].all() and not checked.mask[distance < -1].any()
        assert len(set(checked.encoded_image)) > 50, "the image is no empty one"


@pytest.mark.parametrize(
    ("case", "layout", "words"),
    [
        ("coco-empty-segmentation", "coco", "choose --boxes fill"),
        ("rgba-transparent-colour", "folder", r"2356 of 3072 .*--transparent background"),
        ("grey-levels-0-85-170-255", "folder", "set mask_encoding='gray_levels'"),
        ("cvat-segmentation-mask", "pascal_voc", "use the dataset 'voc'"),
    ],
)
def test_a_refusal_names_the_way_out(case, layout, words):
    with pytest.raises(DataError, match=words):
        info, splits = get_dataset(layout).open(CASES / case)
        for sample in splits["train"]:
            read_sample(sample, info)
