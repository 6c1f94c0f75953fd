"""Counting pixels near boundaries."""

from __future__ import annotations

import numpy as np
import pytest

from tf_image_segmentation.evaluation.boundary import WIDTHS, Trimap, boundary_distance
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix

IGNORE = 255


def slow_distance(mask):
    """Looks at every pair of pixels."""
    height, width = mask.shape
    boundary = [
        (y, x)
        for y in range(height)
        for x in range(width)
        for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1))
        if 0 <= v < height and 0 <= u < width and mask[v, u] != mask[y, x]
    ]
    distance = np.full(mask.shape, np.inf)
    for y in range(height):
        for x in range(width):
            for v, u in boundary:
                distance[y, x] = min(distance[y, x], np.sqrt((y - v) ** 2 + (x - u) ** 2))
    return distance


def random_masks(count, classes=3):
    """Masks of rectangles over one another, some of them ignored, and predictions like them."""
    rng = np.random.default_rng(3)
    for _ in range(count):
        shape = rng.integers(1, 40, 2)
        mask = np.zeros(shape, np.uint8)
        for _ in range(4):
            top, left = (rng.integers(side) for side in shape)
            height, width = rng.integers(1, 20, 2)
            label = rng.choice([*range(classes), IGNORE])
            mask[top : top + height, left : left + width] = label
        predicted = np.where(rng.random(mask.shape) < 0.3, rng.integers(0, classes, shape), mask)
        predicted[predicted == IGNORE] = 0
        yield mask, predicted.astype(np.uint8)


def test_distances_equal_those_of_a_slow_search():
    for mask, _ in random_masks(8):
        np.testing.assert_allclose(boundary_distance(mask), slow_distance(mask), rtol=1e-12)


def test_counts_equal_those_of_a_slow_search():
    trimap = Trimap(3, IGNORE)
    expected = {width: np.zeros((3, 3), int) for width in WIDTHS}
    for mask, predicted in random_masks(8):
        trimap.update(mask, predicted, boundary_distance(mask))
        distance = slow_distance(mask)
        for width, counts in expected.items():
            for true, guess, away in zip(mask.flat, predicted.flat, distance.flat, strict=True):
                if true != IGNORE and away < width:
                    counts[true, guess] += 1
    found = {width: band.matrix for width, band in trimap.matrices().items()}
    assert list(found) == [1, 2, 4, 8, 16, 32]
    for width, counts in expected.items():
        np.testing.assert_array_equal(found[width], counts)
    totals = [counts.sum() for counts in found.values()]
    assert totals == sorted(totals) and totals[0] > 0


def test_a_band_is_as_wide_on_either_side_of_a_straight_boundary():
    mask = np.zeros((5, 40), np.uint8)
    mask[:, 20:] = 1
    predicted = np.zeros_like(mask)
    predicted[:, 25:] = 1  # five columns too late
    trimap = Trimap(2, None, widths=(1, 2, 8))
    trimap.update(mask, predicted, boundary_distance(mask))
    bands = trimap.matrices()
    np.testing.assert_array_equal(bands[1].matrix, [[5, 0], [5, 0]])
    np.testing.assert_array_equal(bands[2].matrix, [[10, 0], [10, 0]])
    np.testing.assert_array_equal(bands[8].matrix, [[40, 0], [25, 15]])


def test_a_band_lies_along_a_strip_of_ignored_pixels_as_in_pascal_voc():
    mask = np.zeros((1, 30), np.uint8)
    mask[:, 10:15] = IGNORE
    mask[:, 15:] = 1
    np.testing.assert_array_equal(
        boundary_distance(mask)[0], [*range(9, -1, -1), 0, 1, 2, 1, 0, *range(15)]
    )
    trimap = Trimap(2, IGNORE, widths=(1, 4))
    trimap.update(mask, np.zeros_like(mask), boundary_distance(mask))
    np.testing.assert_array_equal(trimap.matrices()[4].matrix, [[4, 0], [4, 0]])
    assert trimap.matrices()[4].ignored_pixels == 5


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 5)])
def test_a_mask_of_one_label_has_no_boundary(shape):
    mask = np.ones(shape, np.uint8)
    assert np.all(boundary_distance(mask) == np.inf)
    trimap = Trimap(2, IGNORE)
    trimap.update(mask, mask, boundary_distance(mask))
    assert not any(band.matrix.any() for band in trimap.matrices().values())


def test_a_band_wider_than_the_image_is_the_image():
    for mask, predicted in random_masks(3):
        if len(np.unique(mask)) > 1:
            trimap = Trimap(3, IGNORE, widths=(1, 100))
            trimap.update(mask, predicted, boundary_distance(mask))
            whole = ConfusionMatrix(3, IGNORE)
            whole.update(mask, predicted)
            np.testing.assert_array_equal(trimap.matrices()[100].matrix, whole.matrix)
            assert trimap.matrices()[100].ignored_pixels == whole.ignored_pixels
