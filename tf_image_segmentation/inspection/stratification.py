"""Divides units of images so that every part gets its share of every class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf_image_segmentation.errors import DataError


def stratified(
    sizes: Sequence[int], classes: np.ndarray, shares: Sequence[float], seed: int
) -> np.ndarray:
    """Returns the part of each unit.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the Stratification of
    Multi-Label Data", ECML 2011): the class with the fewest images left comes first, and each of
    its units goes to the part that lacks most images of it.

    Args:
        sizes: number of images of each unit.
        classes: int [units, classes], images of each unit in which each class occurs.
        shares: of each part, which add up to 1.
        seed: decides among equals.

    Returns:
        int64 [units].

    Raises:
        DataError: there are fewer units than parts.
    """
    count, parts = len(sizes), len(shares)
    if count < parts:
        raise DataError(
            f"{sum(sizes)} images are {count} groups that must stay together (by --group, as "
            f"near-duplicates or frames of a video), which {parts} parts cannot share; use fewer "
            "parts, or keep less together with --duplicate-distance -1"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(count)
    wanted = _whole(sum(sizes), shares).astype(float)
    lacking = np.outer(shares, classes.sum(axis=0)).astype(float)  # [parts, classes]
    part_of = np.full(count, -1)
    left = classes.sum(axis=0).astype(float)
    while (part_of < 0).any():
        rarest = int(np.where(left > 0, left, np.inf).argmin()) if (left > 0).any() else -1
        open_units = [u for u in order if part_of[u] < 0 and (rarest < 0 or classes[u, rarest])]
        # Large ones first, because small ones fill what is left.
        for unit in sorted(open_units, key=lambda u: -sizes[u]):
            need = lacking[:, rarest] if rarest >= 0 else wanted
            part = _neediest(need, wanted, sizes[unit])
            part_of[unit] = part
            wanted[part] -= sizes[unit]
            lacking[part] -= classes[unit]
            left -= classes[unit]
    return _none_empty(part_of, np.asarray(sizes), parts)


def _whole(total: int, shares: Sequence[float]) -> np.ndarray:
    """Returns whole numbers of images that add up to the total; more where parts get at least 1."""
    exact = np.array(shares) * total
    whole = np.maximum(np.floor(exact), 1).astype(int)
    for part in np.argsort(whole - exact, kind="stable")[: max(total - whole.sum(), 0)]:
        whole[part] += 1
    return whole


def _neediest(need: np.ndarray, wanted: np.ndarray, size: int) -> int:
    room = wanted >= size / 2
    if not room.any():
        return int(wanted.argmax())
    # Of equally needy parts that which lacks more images.
    scores = np.where(room, need, -np.inf)
    return int(
        max(np.flatnonzero(room), key=lambda part: (round(float(scores[part]), 6), wanted[part]))
    )


def _none_empty(part_of: np.ndarray, sizes: np.ndarray, parts: int) -> np.ndarray:
    for part in range(parts):
        if not (part_of == part).any():
            units = np.bincount(part_of, minlength=parts)
            movable = np.flatnonzero(units[part_of] > 1)
            part_of[movable[sizes[movable].argmin()]] = part
    return part_of
