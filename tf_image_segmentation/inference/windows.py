"""Scores an image of any size window by window, in bounded memory.

Windows overlap, and their scores are averaged with weights that fall linearly towards the borders
of a window, so that no seam shows where one ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

# What the scores of the windows that are under way may take.
_BUFFER_BYTES = 2**28


def window_starts(length: int, window: int, overlap: int) -> list[int]:
    """Returns where windows begin along a side: every ``window - overlap`` pixels.

    The last one is moved back so that it ends with the side; a side that is shorter than a window
    has one, at 0.
    """
    last = max(0, length - window)
    return [*range(0, last, window - overlap), last]


def window_weights(length: int, window: int, overlap: int) -> list[np.ndarray]:
    """Returns the weights of each window's pixels along a side, float32 [min(window, length)].

    They rise linearly over ``overlap`` pixels from both ends of a window, and those of all windows
    at one pixel add up to 1.
    """
    size = min(window, length)
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    ramp = np.minimum(distance / max(overlap, 1), 1.0)
    starts = window_starts(length, window, overlap)
    total = np.zeros(length)
    for start in starts:
        total[start : start + size] += ramp
    return [(ramp / total[start : start + size]).astype(np.float32) for start in starts]


def blend_windows(
    score: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    channels: int,
    window: int,
    overlap: int,
) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Yields the averaged scores of an image block by block; the blocks tile it.

    Args:
        score: scores the pixels of a window, [h, w, 3] -> float32 [h, w, channels].
        image: [height, width, 3].
        channels: of the scores.
        window: side of a window in pixels.
        overlap: pixels that neighbors share, less than ``window``.

    Yields:
        Rows and columns of a block, and its scores, float32 [rows, columns, channels].
    """
    # Very wide images are worked on in slabs. Only windows across two slabs are scored twice.
    slab_width = max(window, _BUFFER_BYTES // (4 * channels * window))
    for left in range(0, image.shape[1], slab_width):
        slab = slice(left, min(left + slab_width, image.shape[1]))
        yield from _blend_slab(score, image, slab, channels, window, overlap)


def _blend_slab(
    score: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    slab: slice,
    channels: int,
    window: int,
    overlap: int,
) -> Iterator[tuple[slice, slice, np.ndarray]]:
    height, width = image.shape[:2]
    tops, columns = window_starts(height, window, overlap), window_starts(width, window, overlap)
    row_weights = window_weights(height, window, overlap)
    column_weights = window_weights(width, window, overlap)
    sums = np.zeros((min(window, height), slab.stop - slab.start, channels), np.float32)
    for number, (top, weights) in enumerate(zip(tops, row_weights, strict=True)):
        for left, across in zip(columns, column_weights, strict=True):
            first, end = max(left, slab.start), min(left + len(across), slab.stop)
            if first >= end:
                continue
            scores = score(image[top : top + window, left : left + window])
            inside = slice(first - left, end - left)
            target = sums[:, first - slab.start : end - slab.start]
            # Row by row: a product of the size of a window would be one more of its kind to hold.
            for row, weight in enumerate(weights):
                target[row] += weight * across[inside, np.newaxis] * scores[row, inside]
        # Rows above the next windows are complete.
        below = tops[number + 1] if number + 1 < len(tops) else height
        done = below - top
        yield slice(top, below), slab, sums[:done].copy()
        sums[: len(sums) - done] = sums[done:]
        sums[len(sums) - done :] = 0
