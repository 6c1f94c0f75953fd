"""Draws the outlines of a text file of YOLO into a mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.custom.coco_boxes import DROP, FILL, IGNORE
from tf_image_segmentation.datasets.custom.coco_masks import polygon_counts
from tf_image_segmentation.datasets.custom.files import image_reader
from tf_image_segmentation.datasets.custom.run_lengths import IGNORE_LABEL, draw
from tf_image_segmentation.datasets.decode.decoding import check_pixels
from tf_image_segmentation.datasets.decode.pixels import image_size
from tf_image_segmentation.errors import DataError


def read_outlines(
    path: Path, *, max_pixels: int, image: Path, ids: Sequence[int], boxes: str | None
) -> np.ndarray:
    """Draws the outlines of a text file.

    Args:
        path: the file; the image itself where there is none.
        max_pixels: largest height * width that is drawn.
        image: the image, whose size the outlines are shares of.
        ids: the class id of each class number.
        boxes: what boxes become, see `open_yolo`; None refuses them.

    Returns:
        uint8 [height, width] class ids, and 255 for ignored pixels.

    Raises:
        DataError: a line is not as it must be, or the image is too large.
    """
    height, width = image_size(image, max_pixels=max_pixels, reader=image_reader(image))
    check_pixels(f"{image}:", height, width, max_pixels)
    drawn = []
    for number, words in _lines(path) if path != image else ():
        where = f"{path}: line {number}"
        label, values = _parsed(words, ids, where)
        if len(values) == 4:
            if boxes is None:
                raise DataError(
                    f"{where}: is a box, which does not say which pixels it means; choose --boxes "
                    f"{FILL}, {IGNORE} or {DROP}, or export outlines"
                )
            values = _box(values)
            label = {FILL: label, IGNORE: IGNORE_LABEL}.get(boxes, -1)
        if label >= 0:
            points = [
                v * side for v, side in zip(values, [width, height] * len(values), strict=False)
            ]
            counts = polygon_counts([points], height, width, where)
            drawn.append((label, counts))
    return draw(drawn, height, width)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}); export it again") from error
    for number, line in enumerate(text.split("\n"), 1):
        if words := line.split():
            yield number, words


def _parsed(words: list[str], ids: Sequence[int], where: str) -> tuple[int, list[float]]:
    try:
        number, values = float(words[0]), [float(word) for word in words[1:]]
    except ValueError as error:
        raise DataError(f"{where}: holds what is no number ({error}); export it again") from error
    if number not in range(len(ids)):
        raise DataError(
            f"{where}: has the class number {words[0]}, and there are names for 0 to "
            f"{len(ids) - 1}; add the name, or correct the line"
        )
    if len(values) != 4 and (len(values) < 6 or len(values) % 2):
        raise DataError(
            f"{where}: has {len(values)} numbers behind the class; an outline has 6 or more, x and "
            "y in turn; export as YOLO segmentation"
        )
    return ids[int(number)], values


def _box(values: Sequence[float]) -> list[float]:
    """Returns the corners of a box of center, width and height."""
    x, y, width, height = values
    left, right, top, bottom = x - width / 2, x + width / 2, y - height / 2, y + height / 2
    return [left, top, right, top, right, bottom, left, bottom]
