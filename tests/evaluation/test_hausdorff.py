"""The 95 % Hausdorff distance against all pairs of outline pixels."""

from __future__ import annotations

import numpy as np
import pytest

from tf_image_segmentation.evaluation.hausdorff import hausdorff_95


def outline(mask):
    """Pixels with an outside neighbor, one after the other."""
    found = []
    for r, c in np.argwhere(mask):
        for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            y, x = r + dr, c + dc
            inside = 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x]
            if not inside:
                found.append((r, c))
                break
    return np.array(found, float)


def brute_force(first, second, spacing):
    a, b = outline(first) * spacing, outline(second) * spacing
    pairs = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))
    return max(np.percentile(pairs.min(1), 95), np.percentile(pairs.min(0), 95))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 2.0)])
def test_equals_brute_force(seed, spacing):
    rng = np.random.default_rng(seed)
    first, second = (rng.random((15, 18)) < density for density in (0.1 + 0.1 * seed, 0.3))
    assert hausdorff_95(first, second, spacing) == pytest.approx(
        brute_force(first, second, spacing)
    )


def test_known_distances():
    first, second = np.zeros((2, 30, 30), bool)
    first[5:10, 5:10] = second[5:10, 12:17] = True
    assert hausdorff_95(first, first) == 0
    assert hausdorff_95(first, second) == 7
    assert hausdorff_95(first, second, (3.0, 0.5)) == 3.5
    assert np.isnan(hausdorff_95(first, np.zeros_like(first)))
    assert np.isnan(hausdorff_95(np.zeros_like(first), first))
