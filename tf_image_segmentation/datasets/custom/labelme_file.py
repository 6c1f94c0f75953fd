"""One file of LabelMe: the image that it belongs to, and the shapes that were drawn on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tf_image_segmentation.datasets.custom.json_files import field, read_json
from tf_image_segmentation.datasets.custom.relative_paths import resolve_named
from tf_image_segmentation.errors import DataError


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
