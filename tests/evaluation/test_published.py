"""Published results are shown beside results on the same images only."""

from __future__ import annotations

import pytest

from tf_image_segmentation.datasets.sets.pascal_voc_sbd import SIZES
from tf_image_segmentation.evaluation.published import SETS, published, why_not_published


@pytest.mark.parametrize(
    ("dataset", "split", "images", "name"),
    [
        ("pascal_voc_sbd", "val", 904, "RV-VOC12"),
        ("pascal_voc", None, 904, "RV-VOC12"),  # a classic record file
        ("pascal_voc", "val", 1449, "VOC12 val"),
        ("pascal_voc_sbd", "val", 1449, "VOC12 val"),  # mode 1
        ("pascal_voc", "seg11valid", 736, "RV-VOC11"),
        ("camvid", "test", 233, "CamVid test"),
    ],
)
def test_sets_are_told_by_data_set_split_and_size(dataset, split, images, name):
    found = published(dataset, split, images)
    assert found is not None and found.name == name


@pytest.mark.parametrize(
    ("dataset", "split", "images"),
    [
        ("pascal_voc_sbd", "train", 904),
        ("pascal_voc_sbd", "val", 903),
        ("pascal_voc_sbd", "val", SIZES[3]["val"]),
        ("camvid", "val", 101),
        ("camvid", "val", 233),
        ("camvid", "test", 904),
        ("cities", "val", 904),
    ],
)
def test_other_images_have_no_published_results(dataset, split, images):
    assert published(dataset, split, images) is None


def test_the_reason_names_both_sets():
    assert why_not_published("camvid", "val", 101) == (
        "The published results known for dataset camvid were measured on other sets (CamVid test, "
        "233 images), this one on split val with 101 images: they cannot be compared."
    )
    assert "this one on 12 images" in why_not_published("pascal_voc", None, 12)
    assert "RV-VOC12, 904 images; RV-VOC11, 736 images" in why_not_published("pascal_voc", "val", 1)
    assert why_not_published("cities", "val", 5) == (
        "No published results are known for dataset cities."
    )


def test_rows_as_published():
    rows = {(known.name, row.model): row for known in SETS for row in known.rows}
    row = rows["RV-VOC12", "FCN-8s"]
    assert (row.mean_iou, row.pixel_accuracy) == ("63.65", "-")
    (long,) = (r for r in SETS[1].rows if r.model == "FCN-8s" and r.source.startswith("Long"))
    shown = long.pixel_accuracy, long.mean_pixel_accuracy, long.mean_iou
    assert (*shown, long.frequency_weighted_iou) == ("90.3", "75.9", "62.7", "83.2")
