"""Run lengths of COCO, which are masks, and the drawing of them.

Run lengths are decoded strictly. Counts are the lengths of runs of pixels outside and inside in
turn, outside first, down one column after the other. As text, each is written in groups of 5 bits,
lowest first, one a character from "0" on: bit 5 says that more groups follow, bit 4 of the last one
is the sign; from the fourth count on it is the difference to the count before the last. Source:
maskApi.c of the COCO API, whose own decoder writes beyond its memory where counts do not add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tf_image_segmentation.errors import DataError

IGNORE_LABEL = 255

_MOST_GROUPS = 7  # 35 bits, of which counts of 32 fit
_MORE, _SIGN, _GROUP = 0x20, 0x10, 0x1F


def check_counts(counts: Sequence[Any], height: int, width: int, where: str) -> np.ndarray:
    """Returns counts as int64, if they are those of a mask of ``height`` x ``width``.

    Raises:
        DataError: a count is no whole number of at least 0, or they do not add up to the pixels.
    """
    pixels = height * width
    for count in counts:
        if type(count) is not int or not 0 <= count <= pixels:
            raise DataError(
                f"{where}: its run lengths hold {str(count)[:30]}, which is no number of pixels of "
                f"an image of {pixels}; export it again"
            )
    if sum(counts) != pixels:
        raise DataError(
            f"{where}: its run lengths add up to {sum(counts)} pixels, but the image has {pixels} "
            f"({height} x {width}, height x width); export it again"
        )
    return np.array(counts, np.int64)


def parse_counts(text: str, where: str) -> list[int]:
    """Returns the counts that compressed text stands for.

    Raises:
        DataError: the text holds other characters, or ends within a count.
    """
    counts: list[int] = []
    value, shift = 0, 0
    for character in text:
        code = ord(character) - ord("0")
        if not 0 <= code < 2 * _MORE or shift >= 5 * _MOST_GROUPS:
            raise DataError(
                f"{where}: its compressed run lengths are damaged at {character!r}; export it again"
            )
        value |= (code & _GROUP) << shift
        shift += 5
        if not code & _MORE:
            if code & _SIGN:
                value -= 1 << shift
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value, shift = 0, 0
    if shift:
        raise DataError(f"{where}: its compressed run lengths are cut short; export it again")
    return counts


def area(counts: np.ndarray) -> int:
    """Returns the number of pixels inside."""
    return int(counts[1::2].sum())


def draw(parts: Iterable[tuple[int, np.ndarray]], height: int, width: int) -> np.ndarray:
    """Draws ignored pixels first, and over them the others, larger ones first.

    Args:
        parts: label and checked run lengths of each; equally large ones are drawn in this order.
        height: of the image.
        width: of the image.

    Returns:
        uint8 [height, width] labels; 0 where nothing is drawn.
    """
    labels = np.zeros(width * height, np.uint8)
    for label, counts in sorted(parts, key=lambda part: (part[0] != IGNORE_LABEL, -area(part[1]))):
        fill(labels, counts, label)
    return np.ascontiguousarray(labels.reshape(width, height).T)


def fill(labels: np.ndarray, counts: np.ndarray, label: int) -> None:
    """Gives the pixels inside the value ``label``.

    Args:
        labels: uint8 [width * height], changed; one column after the other.
        counts: what `check_counts` returned for a mask of that many pixels.
        label: the value.
    """
    ends = counts.cumsum()
    for start, end in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=False):
        labels[start:end] = label
