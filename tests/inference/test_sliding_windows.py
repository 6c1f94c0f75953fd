"""Windows over large images: they cover each pixel, blend without seams and stay small."""

from __future__ import annotations

import numpy as np
import pytest

from tf_image_segmentation.inference import windows as sliding_windows
from tf_image_segmentation.inference.windows import blend_windows, window_starts, window_weights


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, [0]), (64, [0]), (65, [0, 1]), (112, [0, 48]), (200, [0, 48, 96, 136])],
)
def test_windows_begin_every_window_less_overlap_and_end_with_the_side(length, expected):
    assert window_starts(length, window=64, overlap=16) == expected


@pytest.mark.parametrize("length", [5, 64, 65, 100, 333])
@pytest.mark.parametrize("overlap", [0, 1, 16, 40])
def test_weights_of_all_windows_add_up_to_1(length, overlap):
    total = np.zeros(length)
    starts = window_starts(length, 64, overlap)
    for start, weights in zip(starts, window_weights(length, 64, overlap), strict=True):
        assert (weights > 0).all()
        total[start : start + 64] += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_weights_fall_linearly_where_two_windows_meet():
    first, second = window_weights(112, window=64, overlap=16)
    expected = 1 - (np.arange(16) + 0.5) / 16
    np.testing.assert_allclose(first, [*np.ones(48), *expected], atol=1e-6)
    np.testing.assert_allclose(second, [*(1 - expected), *np.ones(48)], atol=1e-6)


def score(tile):
    """Differs from window to window, as what a network sees beyond a border does."""
    border = np.minimum(np.arange(tile.shape[1]), 7)[np.newaxis, :, np.newaxis]
    values = tile.astype(np.float32) * [1, 2, 3] + tile.mean() + border
    return np.concatenate([values, -values[..., :1]], axis=-1).astype(np.float32)


def slow_blend(image, window, overlap):
    """Averages over windows pixel by pixel."""
    height, width = image.shape[:2]
    total, weight = np.zeros((height, width, 4)), np.zeros((height, width, 1))
    for top in window_starts(height, window, overlap):
        for left in window_starts(width, window, overlap):
            tile = image[top : top + window, left : left + window]
            scores = score(tile)
            for row in range(tile.shape[0]):
                for column in range(tile.shape[1]):
                    factor = 1.0
                    for place, side in ((row, tile.shape[0]), (column, tile.shape[1])):
                        factor *= min(1, (min(place, side - 1 - place) + 0.5) / max(overlap, 1))
                    total[top + row, left + column] += factor * scores[row, column]
                    weight[top + row, left + column] += factor
    return total / weight


@pytest.mark.parametrize("size", [(20, 90), (90, 20), (75, 100), (32, 32), (1, 70)])
@pytest.mark.parametrize("overlap", [0, 12])
@pytest.mark.parametrize("buffer_bytes", [1, 2**29])  # the small one makes slabs of one window
def test_blending_equals_a_slow_version(monkeypatch, size, overlap, buffer_bytes):
    monkeypatch.setattr(sliding_windows, "_BUFFER_BYTES", buffer_bytes)
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    found = np.full((*size, 4), np.nan, np.float32)
    for rows, columns, scores in list(blend_windows(score, image, 4, 32, overlap)):
        assert np.isnan(found[rows, columns]).all(), "blocks overlap"
        found[rows, columns] = scores
    np.testing.assert_allclose(found, slow_blend(image, 32, overlap), rtol=1e-4)


def test_no_block_outgrows_the_buffer(monkeypatch):
    monkeypatch.setattr(sliding_windows, "_BUFFER_BYTES", 64 * 100 * 4 * 4)
    image = np.zeros((300, 500, 3), np.uint8)
    blocks = list(blend_windows(score, image, 4, 64, 16))
    assert max(scores.nbytes for *_, scores in blocks) <= 64 * 100 * 4 * 4
    assert sum(scores.shape[0] * scores.shape[1] for *_, scores in blocks) == 300 * 500
