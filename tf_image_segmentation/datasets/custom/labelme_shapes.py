"""One file of LabelMe: its image, and the shapes on it, which are drawn into a mask.

As LabelMe's own export draws them: a point stands for the pixel that it lies in, and the pixels
under an outline belong to the shape. Kinds without an area (line, point ...), to which that export
gives a width of its own choice, are refused.
"""

from __future__ import annotations

import base64
import binascii
import math
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import msgspec
import numpy as np
from PIL import Image, ImageDraw

from tf_image_segmentation.datasets.custom.files import resolve_named
from tf_image_segmentation.datasets.custom.outlines import Point, check_points, check_polygon
from tf_image_segmentation.datasets.decode import decoding
from tf_image_segmentation.datasets.decode.pixels import embedded_pixels
from tf_image_segmentation.datasets.lists import resolve_inside
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import Positive, read_json

MAX_BYTES = 2**30
"""Largest file that is read."""

KINDS = ("polygon", "rectangle", "circle", "mask")


class Shape(msgspec.Struct):
    """A shape as the file has it; what it holds is checked when it is drawn.

    Attributes:
        label: name of its class.
        points: pairs of x and y.
        shape_type: "polygon", "rectangle", "circle", "mask" ...; files of old versions have
            polygons alone, without a type.
        mask: base64 of a PNG, for the type "mask".
    """

    label: str
    points: list[Any]
    shape_type: str | None = None
    mask: Any = None

    def __post_init__(self) -> None:
        self.label = self.label.strip()
        if not self.label:
            raise ValueError("the label is empty; give it one")

    @property
    def kind(self) -> str:
        """The type, one of `KINDS` if it can be drawn."""
        return "polygon" if self.shape_type is None else self.shape_type


class _Content(msgspec.Struct, rename="camel"):
    image_path: str
    shapes: list[Shape]
    image_height: Positive | None = None
    image_width: Positive | None = None
    image_data: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def is_embedded(self) -> bool:
        return len(bytes(self.image_data)) > len('""') and bytes(self.image_data)[:1] == b'"'


class _Data(msgspec.Struct, rename="camel"):
    image_data: str


class Annotation(NamedTuple):
    """What a file of LabelMe says.

    Attributes:
        image: path of the image; that of the file itself, if the image is only in there.
        height: of the image, in pixels.
        width: of the image, in pixels.
        shapes: in the order in which they were drawn.
    """

    image: Path
    height: int
    width: int
    shapes: list[Shape]


def read_annotation(path: Path, root: Path) -> Annotation:
    """Reads a file of LabelMe.

    The image is the file that ``imagePath`` names: from the folder of the file, or else below the
    root, or in its folder ``images``. The copy in ``imageData`` is for images that are not there.

    Args:
        path: the file.
        root: the folder of the dataset, in which its image has to lie.

    Raises:
        DataError: it is no such file, or its image does not lie below the root.
    """
    try:
        content = read_json(path, _Content, MAX_BYTES)
    except DataError as error:
        raise DataError(
            f"{error}; move it away if it is no file of LabelMe, or else save it again"
        ) from error
    if content.image_height is None or content.image_width is None:
        raise DataError(
            f"{path}: has no imageHeight or imageWidth; open it with LabelMe 4 or newer, and save "
            "it"
        )
    image = _image(path, content, root)
    return Annotation(image, content.image_height, content.image_width, content.shapes)


def _image(path: Path, content: _Content, root: Path) -> Path:
    try:
        image = resolve_named(path.parent, content.image_path, f"{path}: imagePath", root)
    except DataError:
        if content.is_embedded:
            return path
        raise
    if image.is_file() and image.suffix.lower() != ".json":
        return image
    if content.is_embedded:
        return path
    name = PureWindowsPath(content.image_path).name
    places = (path.parent, root, root / "images", root / "images" / path.parent.name)
    found = [place / name for place in places if (place / name).is_file()]
    return resolve_inside(root, str(found[0].relative_to(root))) if found else image


def read_embedded(path: Path, *, max_pixels: int) -> np.ndarray:
    """Reads the image that a file of LabelMe holds as ``imageData``, see `embedded_pixels`.

    Raises:
        DataError: it is damaged.
    """
    text = read_json(path, _Data, MAX_BYTES).image_data
    try:
        data = base64.b64decode(text.partition(",")[2] if text[:5] == "data:" else text)
    except (ValueError, binascii.Error) as error:
        raise DataError(f"{path}: its imageData is not base64 ({error}); save it again") from error
    return embedded_pixels(path, data, max_pixels)


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
