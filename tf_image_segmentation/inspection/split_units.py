"""Images that must stay on one side of a split: of a group, near-duplicates, blocks of a video."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tf_image_segmentation.inspection.perceptual_hash import NUM_BITS

_LEAST_FRAMES = 8  # fewer numbered names are no video
_LEAST_BLOCK = 10  # frames in a block, where the video is long enough
_MOST_BLOCKS = 10  # that the smallest part gets of one video
_FAR = 5  # times the usual step between numbers: another scene
_ROWS = 256  # hashes compared at once
_ROBOFLOW = re.compile(r"_(jpe?g|png|bmp|tiff?|webp)\.rf\.\w+$", re.IGNORECASE)


class Look(NamedTuple):
    """What an image looks like: its perceptual hash, None without structure, and its digest."""

    hash: np.ndarray | None
    digest: bytes


def frame_blocks(ids: Sequence[str], share: float) -> list[list[int]]:
    """Finds numbered frames and cuts them into contiguous blocks.

    Neighbors in a video look alike, if not so much that they count as near-duplicates. Only the two
    frames at the ends of a block have neighbors on the other side.

    Args:
        ids: of the images; eight or more that differ in one number are a video, which is cut where
            the numbers jump.
        share: of the smallest part, which gets one block of a video or more.

    Returns:
        Places in ``ids`` of the frames of each block, in the order of their numbers.
    """
    videos: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for place, image_id in enumerate(ids):
        if found := re.fullmatch(r"(.*?)(\d{1,18})(\D*)", _ROBOFLOW.sub("", image_id)):
            videos[found[1], found[3]].append((int(found[2]), place))
    blocks = []
    for frames in videos.values():
        if len(frames) >= _LEAST_FRAMES:
            for scene in _scenes(sorted(frames)):
                blocks += _cut(scene, share)
    return blocks


def _scenes(frames: Sequence[tuple[int, int]]) -> list[list[int]]:
    steps = [second[0] - first[0] for first, second in pairwise(frames)]
    usual = float(np.median(steps))
    scenes = [[frames[0][1]]]
    for step, (_, place) in zip(steps, frames[1:], strict=True):
        if step > _FAR * max(usual, 1):
            scenes.append([])
        scenes[-1].append(place)
    return scenes


def _cut(scene: list[int], share: float) -> list[list[int]]:
    smallest = share * len(scene)
    parts = min(max(int(smallest / _LEAST_BLOCK), 1), _MOST_BLOCKS)
    length = max(round(smallest / parts), 1)
    count = max(round(len(scene) / length), 1)
    bounds = [len(scene) * number // count for number in range(count + 1)]
    return [scene[start:end] for start, end in pairwise(bounds) if end > start]


def near_duplicates(looks: Mapping[int, Look], max_distance: int) -> list[tuple[int, int]]:
    """Returns pairs of images with equal pixels, or with hashes that differ in few bits.

    Args:
        looks: by place.
        max_distance: most bits that may differ; -1 finds equal pixels only.
    """
    first: dict[bytes, int] = {}
    pairs = [(first.setdefault(look.digest, place), place) for place, look in looks.items()]
    if max_distance >= 0:
        # Of equal hashes one is compared, because a still camera gives thousands.
        known: dict[bytes, int] = {}
        for place, look in looks.items():
            if look.hash is not None:
                pairs.append((known.setdefault(look.hash.tobytes(), place), place))
        places = list(known.values())
        hashes = np.array([np.frombuffer(key, bool) for key in known])
        pairs += [(places[a], places[b]) for a, b in _close(hashes, max_distance)]
    return [(a, b) for a, b in pairs if a != b]


def _close(hashes: np.ndarray, max_distance: int) -> Iterator[tuple[int, int]]:
    signs = 2 * hashes.astype(np.float32) - 1
    for start in range(0, len(hashes), _ROWS):
        distances = (NUM_BITS - signs[start : start + _ROWS] @ signs.T) / 2
        rows, columns = np.nonzero(distances <= max_distance)
        later = columns > rows + start
        yield from zip((rows[later] + start).tolist(), columns[later].tolist(), strict=True)


def joined(count: int, together: Iterable[Sequence[int]]) -> list[list[int]]:
    """Returns places 0 to ``count`` - 1 in units: those that are together, directly or by others.

    Args:
        count: number of images.
        together: places of images that must stay together.
    """
    parent = list(range(count))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for places in together:
        for other in places[1:]:
            a, b = sorted((root(places[0]), root(other)))
            parent[b] = a
    units: dict[int, list[int]] = defaultdict(list)
    for place in range(count):
        units[root(place)].append(place)
    return list(units.values())
