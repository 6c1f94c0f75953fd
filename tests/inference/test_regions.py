"""Connected regions against a slow flood fill, and outlines against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from tf_image_segmentation.inference.regions import (
    boundary_pixels,
    contours,
    keep_largest,
    outline_of_sides,
    regions,
)


def flood(labels, diagonal):
    """Sets of pixels, found one neighbor after the other."""
    steps = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    steps += [(1, 1), (1, -1), (-1, 1), (-1, -1)] if diagonal else []
    left = set(np.ndindex(labels.shape))
    found = []
    while left:
        waiting = [left.pop()]
        region = set(waiting)
        while waiting:
            r, c = waiting.pop()
            for dr, dc in steps:
                other = (r + dr, c + dc)
                if other in left and labels[other] == labels[r, c]:
                    left.remove(other)
                    region.add(other)
                    waiting.append(other)
        found.append((int(labels[min(region)]), frozenset(region)))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_regions_are_those_of_a_flood_fill(seed):
    labels = np.random.default_rng(seed).integers(0, 3, (9, 11), np.uint8)
    found = []
    for region in regions(labels):
        mask = np.zeros(labels.shape, bool)
        mask[region.box] = region.inside
        found.append((region.label, frozenset(map(tuple, np.argwhere(mask).tolist()))))
    assert set(found) == set(flood(labels, diagonal=False))
    assert all(region.label != 1 for region in regions(labels, left_out=(1,)))


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_region_of_each_class_stays(seed):
    labels = np.random.default_rng(seed).integers(0, 3, (12, 13), np.uint8)
    kept = keep_largest(labels, [1], background=0)
    sizes = [len(pixels) for label, pixels in flood(labels, diagonal=True) if label == 1]
    assert np.count_nonzero(kept == 1) == max(sizes) < sum(sizes)
    np.testing.assert_array_equal(kept == 2, labels == 2)
    ((_, left),) = [each for each in flood(kept, diagonal=True) if each[0] == 1]
    assert all(labels[pixel] == 1 for pixel in left)


def test_outlines_of_sides_enclose_the_area_of_the_region():
    labels = np.kron(np.random.default_rng(0).integers(0, 3, (6, 6)), np.ones((3, 3), int))
    for region in regions(labels):
        signed = []
        for contour in contours(region):
            x, y = outline_of_sides(contour).T
            signed.append(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)
        assert max(signed) - (sum(signed) - max(signed)) == region.area


@pytest.mark.parametrize("width", [1, 2, 9])
def test_boundaries_by_brute_force(width):
    labels = np.random.default_rng(width).integers(0, 2, (5, 12), np.uint8).cumsum(axis=1) // 5
    found = boundary_pixels(labels, width)
    for row, column in np.ndindex(labels.shape):
        around = slice(max(0, row - width), row + width + 1)
        beside = slice(max(0, column - width), column + width + 1)
        cross = {*labels[around, column].tolist(), *labels[row, beside].tolist()}
        assert found[row, column] == (len(cross) > 1)
