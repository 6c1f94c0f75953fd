"""Finds images of one split that are in another split as well, as they are or nearly."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tf_image_segmentation.inspection.measurement import Position
from tf_image_segmentation.inspection.perceptual_hash import NUM_BITS
from tf_image_segmentation.inspection.statistics import SplitStatistics

_BLOCK = 128  # images compared at once: 60 MB where the other split has 120 000


@dataclass(frozen=True)
class Pair:
    """Two images of different splits that look alike.

    Attributes:
        first: where one is, in the split that comes first.
        second: where the other is.
        first_id: its image id.
        second_id: that of the other.
        distance: bits in which their perceptual hashes differ; 0 for equal pixels.
        equal: whether all their pixels are equal.
    """

    first: Position
    second: Position
    first_id: str
    second_id: str
    distance: int
    equal: bool


def find_pairs(statistics: Mapping[str, SplitStatistics], max_distance: int) -> list[Pair]:
    """Returns, for each image, the image of each earlier split that is most like it.

    Args:
        statistics: of each split.
        max_distance: most bits in which the perceptual hashes may differ; -1 finds equal pixels
            only.

    Returns:
        Pairs of equal images first, then the others, closest first.
    """
    pairs: list[Pair] = []
    for first, second in itertools.combinations(statistics, 2):
        equal = list(_equal(statistics, first, second))
        taken = {pair.second.number for pair in equal}
        alike = _alike(statistics, first, second, max_distance)
        pairs += [*equal, *(pair for pair in alike if pair.second.number not in taken)]
    return sorted(pairs, key=lambda pair: (not pair.equal, pair.distance))


def _equal(statistics: Mapping[str, SplitStatistics], first: str, second: str) -> Iterator[Pair]:
    seen = {image.digest: image for image in reversed(statistics[first].images)}
    for other in statistics[second].images:
        if (image := seen.get(other.digest)) is not None:
            places = Position(first, image.number), Position(second, other.number)
            yield Pair(*places, image.image_id, other.image_id, distance=0, equal=True)


def _alike(
    statistics: Mapping[str, SplitStatistics], first: str, second: str, max_distance: int
) -> Iterator[Pair]:
    ours, theirs = (
        [image for image in statistics[split].images if image.hash is not None]
        for split in (first, second)
    )
    if not ours or not theirs:
        return
    hashes = (np.array([image.hash for image in images]) for images in (ours, theirs))
    for other, (nearest, distance) in zip(theirs, zip(*closest(*hashes), strict=True), strict=True):
        if distance <= max_distance:
            image = ours[nearest]
            places = Position(first, image.number), Position(second, other.number)
            yield Pair(*places, image.image_id, other.image_id, int(distance), equal=False)


def closest(hashes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the closest of ``hashes`` for each of ``others``.

    Args:
        hashes: bool [n, 64].
        others: bool [m, 64].

    Returns:
        Index into ``hashes`` (the first of equally close ones) and Hamming distance, both
        int64 [m].
    """
    # With bits of -1 and 1, the product of two hashes is the equal bits less the different ones.
    signs = 2 * hashes.T.astype(np.float32) - 1
    nearest, distances = [], []
    for start in range(0, len(others), _BLOCK):
        products = (2 * others[start : start + _BLOCK].astype(np.float32) - 1) @ signs
        best = products.argmax(axis=1)
        nearest.append(best)
        distances.append((NUM_BITS - products[np.arange(len(best)), best]) / 2)
    return np.concatenate(nearest), np.concatenate(distances).astype(np.int64)
