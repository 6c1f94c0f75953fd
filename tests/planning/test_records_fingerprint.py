"""The fingerprint of records, against shapes whose measures are known."""

from __future__ import annotations

import numpy as np
import pytest
from small_records import INFO, write_records

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.planning import records_fingerprint
from tf_image_segmentation.planning.records_fingerprint import fingerprint_of
from tf_image_segmentation.tfrecords import open_records


def fingerprint(folder, examples, shards=1):
    records = write_records(folder, {"train": examples}, shards)
    return fingerprint_of(open_records(records, "train"), 3, INFO)


def gray(height, width):
    return np.full((height, width, 3), 90, np.uint8)


def test_sizes_colors_and_shares(tmp_path):
    first, second = np.zeros((40, 60), np.uint8), np.zeros((40, 90), np.uint8)
    first[:, 30:] = 1
    second[:4] = 255
    found = fingerprint(tmp_path, [(gray(40, 60), first), (gray(40, 90), second)])
    assert (found.train_images, found.val_images, found.dataset) == (2, 3, "small")
    assert (found.heights, found.widths) == ((40, 40, 40), (60, 75, 90))
    assert found.is_gray and found.deviation == 0
    labeled = 40 * 60 + 36 * 90
    assert found.class_pixels == pytest.approx((1 - 1200 / labeled, 1200 / labeled, 0))
    assert found.class_images == (1.0, 0.5, 0.0)
    assert (found.thickness[2], found.object_sizes[2], found.present) == (0, 0, [0, 1])


def test_thickness_of_a_line_and_size_of_squares(tmp_path):
    mask = np.zeros((100, 200), np.uint8)
    mask[20:24, :] = 1  # 4 pixels thick, from edge to edge
    mask[40:60, 40:60] = mask[70:90, 100:120] = 2
    mask[95, 150] = 2  # a speck, which is no object
    image = gray(100, 200)
    image[:, :100, 0] = 0
    found = fingerprint(tmp_path, [(image, mask)])
    assert found.thickness[1] == pytest.approx(4)
    assert found.object_sizes[2] == pytest.approx(20)
    assert not found.is_gray and found.deviation > 10
    assert found.thinnest == 1


def test_large_masks_are_thinned_out_and_measures_stay(tmp_path, monkeypatch):
    mask = np.zeros((300, 300), np.uint8)
    mask[60:180, 60:180] = 1
    monkeypatch.setattr(records_fingerprint, "_MOST_PIXELS", 100 * 100)
    found = fingerprint(tmp_path, [(gray(300, 300), mask)])
    assert found.object_sizes[1] == pytest.approx(120, rel=0.05)
    assert found.thickness[1] == pytest.approx(60, rel=0.05)
    assert found.class_pixels[1] == pytest.approx(120**2 / 300**2)


def test_of_many_images_some_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(records_fingerprint, "MOST_IMAGES", 3)
    looked_at = []
    measure = records_fingerprint._measure
    monkeypatch.setattr(
        records_fingerprint, "_measure", lambda *a: looked_at.append(1) or measure(*a)
    )
    mask = np.zeros((20, 20), np.uint8)
    found = fingerprint(tmp_path, [(gray(20, 20), mask)] * 10, shards=2)
    assert (found.train_images, len(looked_at)) == (10, 3)


def test_nothing_to_learn_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no labeled pixel"):
        fingerprint(tmp_path, [(gray(20, 20), np.full((20, 20), 255, np.uint8))])
