"""Outlines in annotations: what must hold of their points before they are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tf_image_segmentation.errors import DataError

# Points a little outside an image are common; those far away are damage, and cost memory to draw.
_FARTHEST = 2.0

Point = tuple[float, float]


def check_points(points: Sequence[Any], height: int, width: int, where: str) -> list[Point]:
    """Returns points as (x, y) in pixels.

    Args:
        points: pairs of numbers.
        height: of the image.
        width: of the image.
        where: the file and the shape, for messages.

    Raises:
        DataError: one is no pair of finite numbers, or lies farther from the image than twice its
            longer side.
    """
    reach = _FARTHEST * max(height, width)
    checked = []
    for point in points:
        if (
            not isinstance(point, list | tuple)
            or len(point) != 2
            or not all(map(_is_number, point))
        ):
            raise DataError(f"{where}: {str(point)[:60]} is no point of two numbers; draw it again")
        x, y = float(point[0]), float(point[1])
        if not (-reach <= x <= width + reach and -reach <= y <= height + reach):
            raise DataError(
                f"{where}: the point ({x:g}, {y:g}) is far outside the image of {height} x {width} "
                "pixels (height x width); correct it, or find the image of this annotation"
            )
        checked.append((x, y))
    return checked


def check_polygon(points: Sequence[Any], height: int, width: int, where: str) -> list[Point]:
    """Returns the corners of a polygon as `check_points` does; fewer than three are an error."""
    if len(points) < 3:
        raise DataError(
            f"{where}: a polygon of {len(points)} points has no area; three are needed, draw it "
            "again or remove it"
        )
    return check_points(points, height, width, where)


def _is_number(value: Any) -> bool:
    """Says whether a JSON value is a finite number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False
