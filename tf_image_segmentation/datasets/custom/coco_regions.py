"""Draws the regions of COCO annotations into a mask."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tf_image_segmentation.datasets.custom import run_lengths
from tf_image_segmentation.datasets.custom.coco_file import CocoImage, Region
from tf_image_segmentation.datasets.custom.outlines import Point, check_polygon
from tf_image_segmentation.datasets.decode.decoding import check_pixels
from tf_image_segmentation.errors import DataError

IGNORE_LABEL = 255

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
    path: Path, *, max_pixels: int, image: CocoImage, ids: Mapping[int, int]
) -> np.ndarray:
    """Draws the regions of an image.

    Crowds come first and become the ignore label; over them the others, larger ones first, so that
    what lies on a table is not lost under it. Equally large ones are in the order of the file.

    Args:
        path: the file of annotations, for messages.
        max_pixels: largest height * width that is drawn.
        image: the image and its regions.
        ids: the class id of each category.

    Returns:
        uint8 [height, width] class ids, and 255 for ignored pixels.

    Raises:
        DataError: a region is not as it must be, or the image is too large.
    """
    check_pixels(f"{path}: {image.file_name}", image.height, image.width, max_pixels)
    drawn = []
    for region in image.regions:
        where = f"{path}: annotation {region.annotation_id} of {image.file_name}"
        counts = _counts(region.segmentation, image.height, image.width, where)
        drawn.append((not region.is_crowd, -run_lengths.area(counts), region, counts))
    labels = np.zeros(image.width * image.height, np.uint8)
    for _, _, region, counts in sorted(drawn, key=lambda each: each[:2]):
        run_lengths.fill(labels, counts, _label(region, ids))
    return np.ascontiguousarray(labels.reshape(image.width, image.height).T)


def _label(region: Region, ids: Mapping[int, int]) -> int:
    return IGNORE_LABEL if region.is_crowd else ids[region.category]


def _counts(segmentation: Any, height: int, width: int, where: str) -> np.ndarray:
    """Returns the checked run lengths of polygons or of run lengths."""
    if isinstance(segmentation, list):
        return _polygon_counts(segmentation, height, width, where)
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
        counts = run_lengths.parse_counts(counts, where)
    if not isinstance(counts, list):
        raise DataError(f"{where}: its 'counts' are neither a list nor text; export it again")
    return run_lengths.check_counts(counts, height, width, where)


def _polygon_counts(polygons: list[Any], height: int, width: int, where: str) -> np.ndarray:
    """Returns the run lengths of the union of polygons, as pycocotools draws them."""
    if not polygons:
        raise DataError(
            f"{where}: its segmentation is empty; a box alone does not say which pixels it means"
        )
    if height * width > _MOST_POLYGON_PIXELS:
        raise DataError(
            f"{where}: polygons are drawn in images of up to {_MOST_POLYGON_PIXELS} pixels, and "
            f"this has {height} x {width} (height x width); cut the image into tiles"
        )
    corners = [_corners(polygon, height, width, where) for polygon in polygons]
    flat = [[value for point in points for value in point] for points in corners]
    library = _pycocotools()
    union = library.merge(library.frPyObjects(flat, height, width))
    counts = run_lengths.parse_counts(union["counts"].decode("ascii"), where)
    return run_lengths.check_counts(counts, height, width, where)


def _corners(polygon: Any, height: int, width: int, where: str) -> list[Point]:
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
