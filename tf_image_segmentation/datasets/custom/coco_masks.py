"""Draws the regions of COCO annotations, polygons and run lengths, into a mask."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tf_image_segmentation.datasets.custom.coco_file import CocoImage, Region
from tf_image_segmentation.datasets.custom.files import image_reader
from tf_image_segmentation.datasets.custom.outlines import Point, check_polygon
from tf_image_segmentation.datasets.custom.run_lengths import (
    IGNORE_LABEL,
    check_counts,
    draw,
    parse_counts,
)
from tf_image_segmentation.datasets.decode.decoding import check_pixels
from tf_image_segmentation.datasets.decode.pixels import image_size
from tf_image_segmentation.errors import DataError

# pycocotools takes 80 bytes for each pixel along an outline, and does not check that it gets them.
_LONGEST_OUTLINE = 2**21
# Beyond it, the text that it writes of run lengths may be one byte longer than its memory.
_MOST_POLYGON_PIXELS = 2**25


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
