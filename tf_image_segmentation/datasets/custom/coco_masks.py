"""Draws the regions of COCO annotations, polygons and run lengths, into a mask.

Run lengths are decoded strictly. Counts are the lengths of runs of pixels outside and inside in
turn, outside first, down one column after the other. As text, each is written in groups of 5 bits,
lowest first, one a character from "0" on: bit 5 says that more groups follow, bit 4 of the last one
is the sign; from the fourth count on it is the difference to the count before the last. Source:
maskApi.c of the COCO API, whose own decoder writes beyond its memory where counts do not add up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tf_image_segmentation.datasets.custom.coco_file import CocoImage, Region
from tf_image_segmentation.datasets.custom.files import image_reader
from tf_image_segmentation.datasets.custom.outlines import Point, check_polygon
from tf_image_segmentation.datasets.decode.decoding import check_pixels
from tf_image_segmentation.datasets.decode.pixels import image_size
from tf_image_segmentation.errors import DataError

IGNORE_LABEL = 255

# pycocotools takes 80 bytes for each pixel along an outline, and does not check that it gets them.
_LONGEST_OUTLINE = 2**21
# Beyond it, the text that it writes of run lengths may be one byte longer than its memory.
_MOST_POLYGON_PIXELS = 2**25
_MOST_GROUPS = 7  # 35 bits, of which counts of 32 fit
_MORE, _SIGN, _GROUP = 0x20, 0x10, 0x1F


def check_installed() -> None:
    """Raises a DataError with the way out if pycocotools is not installed."""
    _pycocotools()


def _pycocotools() -> Any:
    try:
        from pycocotools import mask
    except ImportError as error:
        raise DataError(
            "polygons of COCO annotations need pycocotools: pip install pycocotools (or install "
            "this package with its extra: pip install -e '.[coco]')"
        ) from error
    return mask


def read_regions(
    path: Path,
    *,
    max_pixels: int,
    image: CocoImage,
    place: Path,
    regions: Sequence[Region],
    ids: Mapping[Any, int],
) -> np.ndarray:
    """Draws the regions of an image.

    Crowds come first and become the ignore label; over them the others, larger ones first, so that
    what lies on a table is not lost under it. Equally large ones are in the order of the file.

    Args:
        path: the file of annotations, for messages.
        max_pixels: largest height * width that is drawn.
        image: the image.
        place: its file, which tells the size where the annotations do not.
        regions: its regions.
        ids: the class id of each category.

    Returns:
        uint8 [height, width] class ids, and 255 for ignored pixels.

    Raises:
        DataError: a region is not as it must be, or the image is too large.
    """
    height, width = _size(image, place, max_pixels)
    check_pixels(f"{path}: {image.file_name}", height, width, max_pixels)
    drawn = []
    for region in regions:
        where = f"{path}: annotation {region.id} of {image.file_name}"
        counts = _counts(region.segmentation, height, width, where)
        drawn.append((_label(region, ids), counts))
    return draw(drawn, height, width)


def _size(image: CocoImage, place: Path, max_pixels: int) -> tuple[int, int]:
    if image.height and image.width:
        return int(image.height), int(image.width)
    return image_size(place, max_pixels=max_pixels, reader=image_reader(place))


def _label(region: Region, ids: Mapping[Any, int]) -> int:
    return IGNORE_LABEL if region.iscrowd else ids[region.category_id]


def _counts(segmentation: Any, height: int, width: int, where: str) -> np.ndarray:
    """Returns the checked run lengths of polygons or of run lengths."""
    if isinstance(segmentation, list):
        return polygon_counts(segmentation, height, width, where)
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= set(segmentation):
        raise DataError(
            f"{where}: its segmentation is neither polygons nor run lengths with 'size' and "
            "'counts'; export it again"
        )
    size, counts = segmentation["size"], segmentation["counts"]
    if size != [height, width]:
        raise DataError(
            f"{where}: its run lengths are of size {str(size)[:40]}, but the image has "
            f"{[height, width]} (height, width); find the image of this annotation"
        )
    if isinstance(counts, str):
        counts = parse_counts(counts, where)
    if not isinstance(counts, list):
        raise DataError(f"{where}: its 'counts' are neither a list nor text; export it again")
    return check_counts(counts, height, width, where)


def polygon_counts(polygons: list[Any], height: int, width: int, where: str) -> np.ndarray:
    """Returns the run lengths of the union of polygons, as pycocotools draws them.

    Args:
        polygons: lists of x and y in turn, or of pairs of them; or one such list. Empty ones do not
            count.
        height: of the image.
        width: of the image.
        where: the file and the annotation, for messages.

    Raises:
        DataError: an outline cannot be drawn.
    """
    if height * width > _MOST_POLYGON_PIXELS:
        raise DataError(
            f"{where}: polygons are drawn in images of up to {_MOST_POLYGON_PIXELS} pixels, and "
            f"this has {height} x {width} (height x width); cut the image into tiles"
        )
    outlines = [outline for outline in _outlines(polygons) if outline != []]
    corners = [_corners(outline, height, width, where) for outline in outlines]
    flat = [[value for point in points for value in point] for points in corners]
    library = _pycocotools()
    union = library.merge(library.frPyObjects(flat, height, width))
    counts = parse_counts(union["counts"].decode("ascii"), where)
    return check_counts(counts, height, width, where)


def _outlines(polygons: list[Any]) -> list[Any]:
    """Returns the list of polygons that a list of one polygon's numbers or points means."""
    if polygons and all(isinstance(value, int | float) for value in polygons):
        return [polygons]
    if len(polygons) > 2 and all(isinstance(p, list) and len(p) == 2 for p in polygons):
        return [polygons]
    return polygons


def _corners(polygon: Any, height: int, width: int, where: str) -> list[Point]:
    if isinstance(polygon, list) and all(isinstance(p, list) and len(p) == 2 for p in polygon):
        polygon = [value for point in polygon for value in point]
    if not isinstance(polygon, list) or len(polygon) % 2:
        raise DataError(
            f"{where}: a polygon must be a list of x and y in turn; this is {str(polygon)[:40]}"
        )
    pairs = list(zip(polygon[::2], polygon[1::2], strict=True))
    points = check_polygon(pairs, height, width, where)
    if _length(points) > _LONGEST_OUTLINE:
        raise DataError(
            f"{where}: the outline of a polygon is longer than {_LONGEST_OUTLINE} pixels; draw it "
            "again with fewer points"
        )
    return points


def _length(points: Sequence[Point]) -> float:
    closed = [*points, points[0]]
    return sum(math.dist(a, b) + 1 for a, b in pairwise(closed))


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
