"""One file of LabelMe: its image, and the shapes on it, which are drawn into a mask.

As LabelMe's own export draws them: a point stands for the pixel that it lies in, and the pixels
under an outline belong to the shape. Kinds without an area (line, point ...), to which that export
gives a width of its own choice, are refused.
"""

from __future__ import annotations

import base64
import binascii
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from tf_image_segmentation.datasets.custom.files import resolve_named
from tf_image_segmentation.datasets.custom.json_files import field, read_json
from tf_image_segmentation.datasets.custom.outlines import Point, check_points, check_polygon
from tf_image_segmentation.datasets.decode import decoding
from tf_image_segmentation.errors import DataError

KINDS = ("polygon", "rectangle", "circle", "mask")


class Shape(NamedTuple):
    """A shape as the file has it; what it holds is checked when it is drawn.

    Attributes:
        label: name of its class.
        kind: "polygon", "rectangle", "circle", "mask" ...
        points: pairs of x and y.
        mask: base64 of a PNG, for the kind "mask".
    """

    label: str
    kind: str
    points: list[Any]
    mask: Any


class Annotation(NamedTuple):
    """What a file of LabelMe says.

    Attributes:
        image: path of the image.
        height: of the image, in pixels.
        width: of the image, in pixels.
        shapes: in the order in which they were drawn.
    """

    image: Path
    height: int
    width: int
    shapes: list[Shape]


def read_annotation(path: Path, root: Path) -> Annotation:
    """Reads a file of LabelMe. The copy of the image that it may hold is not decoded.

    Args:
        path: the file.
        root: the folder of the dataset, in which its image has to lie.

    Raises:
        DataError: it is no such file, or its image does not lie below the root.
    """
    content = read_json(path)
    if "imagePath" not in content:
        raise DataError(
            f"{path}: is no file of LabelMe, it names no image (imagePath); move it away"
        )
    written = field(content, "imagePath", str, str(path))
    height, width = (_side(path, content, name) for name in ("imageHeight", "imageWidth"))
    shapes = [
        _shape(shape, f"{path}: shape {number}")
        for number, shape in enumerate(field(content, "shapes", list, str(path)))
    ]
    image = resolve_named(path.parent, written, f"{path}: imagePath", root)
    return Annotation(image, height, width, shapes)


def _side(path: Path, content: dict[str, Any], name: str) -> int:
    if content.get(name) is None:
        raise DataError(f"{path}: has no {name}; open it with LabelMe 4 or newer, and save it")
    side = field(content, name, int, str(path))
    if side < 1:
        raise DataError(f"{path}: {name} is {side}; it must be at least 1")
    return side


def _shape(fields: Any, where: str) -> Shape:
    label = field(fields, "label", str, where).strip()
    if not label:
        raise DataError(f"{where}: its label is empty; give it one")
    points = field(fields, "points", list, where)
    # Files of old versions have no types: all shapes are polygons.
    kind = (
        "polygon" if fields.get("shape_type") is None else field(fields, "shape_type", str, where)
    )
    return Shape(label, kind, points, fields.get("mask"))


def draw_shape(labels: Image.Image, shape: Shape, label: int, where: str) -> None:
    """Gives the pixels of ``shape`` the value ``label``.

    Args:
        labels: 8-bit gray, changed.
        shape: the shape.
        label: the value, 0..255.
        where: the file and the shape, for messages.

    Raises:
        DataError: the shape is of another kind than `KINDS`, or what it holds cannot be drawn.
    """
    if shape.kind not in KINDS:
        raise DataError(
            f"{where}: is of type {shape.kind!r}, of which no area is known; draw it as one of "
            f"{', '.join(KINDS)}"
        )
    size = (labels.height, labels.width)
    draw = ImageDraw.Draw(labels)
    if shape.kind == "mask":
        _paste_mask(labels, shape, label, where)
    elif shape.kind == "polygon" or (shape.kind == "rectangle" and len(shape.points) == 4):
        draw.polygon(check_polygon(shape.points, *size, where), fill=label, outline=label)
    else:
        first, second = _two_points(shape, size, where)
        if shape.kind == "circle":
            # The second point is on the circle.
            radius = math.dist(first, second)
            first, second = (
                (first[0] - radius, first[1] - radius),
                (first[0] + radius, first[1] + radius),
            )
            draw.ellipse([first, second], fill=label, outline=label)
        else:
            draw.rectangle(_corners(first, second), fill=label, outline=label)


def _two_points(shape: Shape, size: tuple[int, int], where: str) -> tuple[Point, Point]:
    if len(shape.points) != 2:
        raise DataError(
            f"{where}: a {shape.kind} has 2 points, this one {len(shape.points)}; draw it again"
        )
    first, second = check_points(shape.points, *size, where)
    return first, second


def _corners(first: Point, second: Point) -> list[Point]:
    """Returns the upper left and the lower right corner."""
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(first, second, strict=True))
    return [(left, top), (right, bottom)]


def _paste_mask(labels: Image.Image, shape: Shape, label: int, where: str) -> None:
    first, second = _two_points(shape, (labels.height, labels.width), where)
    (left, top), (right, bottom) = ((int(x), int(y)) for x, y in _corners(first, second))
    height, width = bottom - top + 1, right - left + 1
    if left < 0 or top < 0 or right >= labels.width or bottom >= labels.height:
        raise DataError(f"{where}: its mask does not lie inside the image; draw it again")
    inside = _decode_mask(shape, height * width, where)
    if inside.shape != (height, width):
        raise DataError(
            f"{where}: its mask has {inside.shape[0]} x {inside.shape[1]} pixels (height x width), "
            f"but its points enclose {height} x {width}; draw it again"
        )
    labels.paste(label, (left, top, right + 1, bottom + 1), Image.fromarray(inside))


def _decode_mask(shape: Shape, max_pixels: int, where: str) -> np.ndarray:
    """Returns the mask of a shape, bool [height, width]."""
    try:
        data = base64.b64decode(shape.mask, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise DataError(f"{where}: its mask is not base64 ({error}); draw it again") from error
    if decoding.content_type(data) != "PNG":
        raise DataError(f"{where}: its mask is no PNG; draw it again")
    place = Path(where)
    image = decoding.open_image(place, data, max_pixels)
    return np.asarray(decoding.load(place, data, image).convert("L")) > 0
