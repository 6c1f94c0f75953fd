"""Rotation and elastic deformation against scipy, which interpolates in its own way."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from aligned_pairs import FILL, IGNORED, eagerly, positions, seeds, stripes
from scipy.ndimage import map_coordinates

from tf_image_segmentation.input.warping import elastic, resample, rotation

SHAPE = (31, 44)
SEED = tf.constant([5, 6])


def smooth_pair(shape=SHAPE):
    rng = np.random.default_rng(3)
    image = rng.uniform(0, 255, (*shape, 3)).astype(np.float32)
    return image, rng.integers(0, 5, shape, np.int32)


def slow_resample(image, mask, rows, columns, fill):
    mode = "reflect" if fill == "reflect" else "nearest"
    places = np.stack([rows, columns])
    image = np.stack(
        [map_coordinates(image[..., c], places, order=1, mode=mode) for c in range(3)], axis=-1
    )
    labels = map_coordinates(mask, places, order=0, mode=mode)
    if fill == "ignore":
        height, width = mask.shape
        outside = (rows < -0.5) | (rows >= height - 0.5)
        outside |= (columns < -0.5) | (columns >= width - 0.5)
        image[outside] = FILL
        labels[outside] = IGNORED
    return image, labels


def assert_equals_scipy(found, image, mask, rows, columns, fill, off=0.0005):
    """``off``: how far places may be off, in pixels."""
    expected_image, expected_mask = slow_resample(image, mask, rows, columns, fill)
    labels = np.asarray(found[1])
    assert labels.dtype == np.int32
    # A place within rounding of the border may count as inside or as outside.
    assert np.mean(labels != expected_mask) < 0.003 + off
    same = labels == expected_mask
    np.testing.assert_allclose(
        np.asarray(found[0])[same], expected_image[same], rtol=0, atol=255 * off
    )


@pytest.mark.parametrize("fill", ["ignore", "reflect"])
def test_resample_is_map_coordinates(fill):
    image, mask = smooth_pair()
    rng = np.random.default_rng(0)
    # Up to three times as far outside as the image is wide.
    rows, columns = (rng.uniform(-90, 120, (50, 60)).astype(np.float32) for _ in range(2))
    found = resample(image, mask, rows, columns, FILL, fill)
    assert_equals_scipy(found, image, mask, rows, columns, fill)


@pytest.mark.parametrize("fill", ["ignore", "reflect"])
@pytest.mark.parametrize("degrees", [15.0, 180.0])
def test_rotation_is_about_the_center(degrees, fill):
    image, mask = smooth_pair()
    for seed in seeds(4):
        angle = float(tf.random.stateless_uniform([], seed, -degrees, degrees))
        turn = np.array(
            [
                [np.cos(np.radians(angle)), np.sin(np.radians(angle))],
                [-np.sin(np.radians(angle)), np.cos(np.radians(angle))],
            ]
        )
        middle = (np.array(SHAPE) - 1) / 2
        places = np.stack(np.mgrid[: SHAPE[0], : SHAPE[1]], axis=-1) - middle
        rows, columns = np.moveaxis(places @ turn.T + middle, -1, 0)
        found = rotation(image, mask, tf.constant(seed), FILL, degrees, fill)
        assert_equals_scipy(found, image, mask, rows, columns, fill)


def cubic_kernel(x):
    """Keys, "Cubic Convolution Interpolation for Digital Image Processing", with a = -0.5."""
    x = abs(x)
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def cubic_matrix(length, grid):
    """Weights of the grid's points for each pixel; points beyond the grid are left out."""
    matrix = np.zeros((length, grid))
    for pixel in range(length):
        place = (pixel + 0.5) * grid / length - 0.5
        for point in range(grid):
            matrix[pixel, point] = cubic_kernel(place - point)
    return matrix / matrix.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("fill", ["ignore", "reflect"])
def test_elastic_interpolates_moves_of_a_coarse_grid_bicubically(fill):
    image, mask = smooth_pair()
    moves = tf.random.stateless_normal([4, 4, 2], SEED, stddev=6.0).numpy()
    down, across = (cubic_matrix(side, 4) for side in SHAPE)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float64)
    rows += down @ moves[..., 0] @ across.T
    columns += down @ moves[..., 1] @ across.T
    found = elastic(image, mask, SEED, FILL, deviation=6.0, grid=4, fill=fill)
    # TensorFlow's cubic kernel is a table of 1024 places, here times moves of up to 15 pixels.
    assert_equals_scipy(found, image, mask, rows, columns, fill, off=0.02)


WARPS = {
    "rotation": partial(rotation, image_fill=FILL, degrees=30.0),
    "elastic": partial(elastic, image_fill=FILL),
}


@pytest.mark.parametrize("name", WARPS)
@pytest.mark.parametrize("fill", ["ignore", "reflect"])
def test_mask_and_image_stay_aligned(name, fill):
    image, mask = positions(60, 80)
    for found_image, found_mask in eagerly(partial(WARPS[name], fill=fill), image, mask):
        shown = found_mask != IGNORED
        rows, columns = np.divmod(found_mask[shown], 80)
        offsets = found_image[shown][:, :2] - np.stack([rows, columns], axis=-1)
        assert np.abs(offsets).max() < 0.51


@pytest.mark.parametrize("name", WARPS)
def test_new_pixels_are_ignored_and_have_the_fill_color(name):
    new = 0
    for image, mask in eagerly(WARPS[name], *stripes(60, 80)):
        outside = mask == IGNORED
        new += outside.sum()
        np.testing.assert_array_equal(image[outside], np.tile(np.float32(FILL), (outside.sum(), 1)))
    assert new > 0
    for _, mask in eagerly(partial(WARPS[name], fill="reflect"), *stripes(60, 80)):
        assert IGNORED not in mask


@pytest.mark.parametrize("name", WARPS)
@pytest.mark.parametrize("fill", ["ignore", "reflect"])
def test_the_smallest_images_are_taken(name, fill):
    for image, mask in eagerly(partial(WARPS[name], fill=fill), *stripes(1, 1), count=4):
        assert (image.shape, mask.shape) == ((1, 1, 3), (1, 1))
        assert np.isfinite(image).all()


def test_no_angle_and_no_deviation_change_nothing():
    image, mask = smooth_pair()
    for found in (
        rotation(image, mask, SEED, FILL, degrees=0.0),
        elastic(image, mask, SEED, FILL, deviation=0.0),
    ):
        np.testing.assert_allclose(found[0], image, rtol=0, atol=1e-3)
        np.testing.assert_array_equal(found[1], mask)
