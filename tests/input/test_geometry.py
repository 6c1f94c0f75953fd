"""Flips and scaling: what they do, and that image and mask stay aligned."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from aligned_pairs import assert_aligned, eagerly, in_tf_data, positions, seeds, stripes

from tf_image_segmentation.input.geometry import flip, resize, scale

OPERATIONS = {
    "flip": flip,
    "both": partial(flip, direction="both"),
    "scale": partial(scale, range=(0.5, 2.0)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_image_and_mask_stay_aligned(name):
    for image, mask in eagerly(OPERATIONS[name], *stripes()):
        assert image.shape[:2] == mask.shape
        assert_aligned(image, mask)


@pytest.mark.parametrize("direction", ["horizontal", "vertical", "both"])
def test_flip_mirrors_half_of_the_time(direction):
    image, mask = positions(3, 8)
    steps = []
    for found_image, found_mask in in_tf_data(
        partial(flip, direction=direction), image, mask, count=200
    ):
        row, column = np.divmod(found_mask[0, 0], 8)
        steps.append((-1 if row else 1, -1 if column else 1))
        np.testing.assert_array_equal(found_image, image[:: steps[-1][0], :: steps[-1][1]])
        np.testing.assert_array_equal(found_mask, mask[:: steps[-1][0], :: steps[-1][1]])
    rows, columns = np.sum(np.array(steps) == -1, axis=0)
    for mirrored, directions in ((rows, ("vertical", "both")), (columns, ("horizontal", "both"))):
        assert 70 < mirrored < 130 if direction in directions else mirrored == 0
    assert len(set(steps)) == (4 if direction == "both" else 2)


def test_flip_keeps_the_dtype_of_the_image():
    image, mask = stripes()
    assert flip(image.astype(np.uint8), mask, seeds(1)[0])[0].dtype == tf.uint8


def test_scale_stays_within_its_bounds_and_keeps_the_proportions():
    image, mask = stripes(100, 200)
    sizes = [m.shape for _, m in in_tf_data(OPERATIONS["scale"], image, mask, count=60)]
    heights = np.array([height for height, _ in sizes])
    assert 50 <= heights.min() < 65
    assert 185 < heights.max() <= 200
    assert all(abs(2 * height - width) <= 1 for height, width in sizes)


def test_scale_of_one_changes_nothing():
    image, mask = stripes()
    found_image, found_mask = scale(image, mask, seeds(1)[0], (1.0, 1.0))
    np.testing.assert_array_equal(found_image, image)
    np.testing.assert_array_equal(found_mask, mask)


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (1, 1)])
def test_scale_leaves_at_least_one_pixel(shape):  # fault 8
    for image, mask in eagerly(partial(scale, range=(0.1, 0.2)), *stripes(*shape), count=4):
        assert min(mask.shape) == 1
        assert image.shape == (*mask.shape, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_nearest_invents_no_ids(dtype):
    rng = np.random.default_rng(0)
    mask = rng.choice(np.array([0, 7, 255], dtype), (31, 41))
    for _, found in eagerly(OPERATIONS["scale"], np.zeros((31, 41, 3), np.float32), mask):
        assert found.dtype == dtype
        assert set(np.unique(found)) == {0, 7, 255}


@pytest.mark.parametrize("size", [(1, 1), (7, 90), (31, 41), (62, 82), (90, 7), (200, 333)])
def test_masks_show_the_pixels_that_tensorflow_takes_as_nearest(size):
    image, mask = positions(31, 41)
    expected = tf.image.resize(mask[..., np.newaxis], size, method="nearest")[..., 0]
    _, found = resize(image, mask, size)
    np.testing.assert_array_equal(found, expected)


def test_resize_stays_in_the_range_of_the_image():
    image, mask = stripes()
    image = np.where(image > 100, 255.0, 0.0).astype(np.float32)
    found, _ = resize(image, mask, [61, 29])
    assert found.dtype == tf.float32
    assert np.min(found) >= 0.0
    assert np.max(found) <= 255.0
