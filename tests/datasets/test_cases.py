"""Exports as tools write them, in `../shared/cases`: the right classes and masks, drawn here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.detection import detect_one

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


def trapezoid():
    """The right half of Roboflow's file: its left side runs from (30.5, 5) to (30, 25).

    Centers of pixels lie to the right of that line in all rows.
    """
    return drawn({2: (5, 24, 30, 49)})


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
        ("via-coco-export", "coco", {}, "background orange", {"a": {1: SQUARE}}),
    ],
)
def test_a_case_has_the_right_classes_and_masks(case, layout, options, classes, masks):
    assert detect_one(CASES / case)[:2] == (layout, CASES / case)
    info, splits = get_dataset(layout).open(CASES / case, **options)
    assert info.class_names == tuple(classes.split())
    samples = [sample for split in splits.values() for sample in split]
    assert {sample.image_id for sample in samples} == set(masks)
    for sample in samples:
        mask = read_sample(sample, info).mask
        np.testing.assert_array_equal(mask, drawn(masks[sample.image_id]))
