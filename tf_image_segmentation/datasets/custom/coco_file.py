"""One file of COCO annotations: images, and the regions in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import read_json

MAX_BYTES = 2**30
"""Largest file that is read; parsed, it takes several times as much memory."""

_SHOWN = 20

Id = int | str
_Id = int | float | str


def _plain(value: _Id | None) -> Any:
    """Returns the number that a JSON value stands for: 3 for 3.0 and "3"; other text as it is."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else text
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError(f"expected a whole number, got {value}")
        return int(value)
    return value


class Category(msgspec.Struct):
    """A class that regions may have, or a group of them."""

    id: _Id
    name: str
    supercategory: Any = None

    def __post_init__(self) -> None:
        self.id = _plain(self.id)
        self.name = self.name.strip()


class Region(msgspec.Struct):
    """An annotation of an image.

    Attributes:
        id: for messages.
        image_id: id of its image.
        category_id: id of its category.
        segmentation: polygons or run lengths as the file has them; checked when they are drawn, so
            that a damaged one is a fault of its image alone.
        bbox: x, y, width and height of a box, as the file has them.
        iscrowd: whether it encloses a group, not all of which is of the category.
    """

    image_id: _Id
    category_id: _Id
    id: _Id | None = None
    segmentation: Any = None
    bbox: Any = None
    iscrowd: Literal[0, 1, "0", "1"] | bool | None = 0

    def __post_init__(self) -> None:
        self.id, self.image_id = _plain(self.id), _plain(self.image_id)
        self.category_id = _plain(self.category_id)
        self.iscrowd = bool(_plain(self.iscrowd))


class CocoImage(msgspec.Struct):
    """An image of the file.

    Attributes:
        id: number that annotations name.
        file_name: path below the folder of images.
        height: in pixels, None or 0 where only the image knows it.
        width: in pixels, None or 0 where only the image knows it.
    """

    id: Any
    file_name: str
    height: _Id | None = None
    width: _Id | None = None

    def __post_init__(self) -> None:
        self.id = _plain(self.id)
        self.height, self.width = _plain(self.height), _plain(self.width)
        for side in (self.height, self.width):
            if side is not None and (isinstance(side, str) or side < 0):
                raise ValueError(f"expected a width and a height in pixels, got {side!r}")


class _Content(msgspec.Struct):
    categories: Annotated[list[Category], msgspec.Meta(min_length=1)]
    images: list[CocoImage]
    annotations: list[Region]


@dataclass(frozen=True)
class CocoFile:
    """What a file says.

    Attributes:
        categories: names by id, sorted.
        images: in the order of the file.
        regions: of each image by its id, in the order of the file.
        supercategories: names of groups of categories.
    """

    categories: dict[Id, str]
    images: list[CocoImage]
    regions: dict[Id, list[Region]]
    supercategories: frozenset[str] = frozenset()


def read_coco(path: Path) -> CocoFile:
    """Reads a file of COCO annotations of the kind "instances".

    Raises:
        DataError: it is no such file, has an id twice, or has annotations of images or categories
            that it does not list.
    """
    try:
        content = read_json(path, _Content, MAX_BYTES)
    except DataError as error:
        raise DataError(
            f"{error}; export it again, of the kind 'instances', with polygons or run lengths in "
            "'segmentation'"
        ) from error
    categories, images, annotations = content.categories, content.images, content.annotations
    for number, region in enumerate(annotations):
        region.id = f"number {number}" if region.id is None else region.id
    _check_unique(path, "category ids", (category.id for category in categories))
    _check_unique(path, "category names", (category.name for category in categories))
    _check_unique(path, "image ids", (image.id for image in images))
    _check_unique(path, "file names", (image.file_name for image in images))
    _check_unique(path, "annotation ids", (region.id for region in annotations))
    by_id = {category.id: category.name for category in categories}
    names = {number: by_id[number] for number in in_order(by_id)}
    regions: dict[Any, list[Region]] = {image.id: [] for image in images}
    _check_listed(path, "image_id", (region.image_id for region in annotations), regions)
    _check_listed(path, "category_id", (region.category_id for region in annotations), names)
    for region in annotations:
        regions[region.image_id].append(region)
    groups = frozenset(str(category.supercategory) for category in categories)
    return CocoFile(names, images, regions, groups)


def in_order(ids: Iterable[Any]) -> list[Any]:
    """Returns ids sorted, numbers before texts."""
    return sorted(ids, key=lambda each: (isinstance(each, str), each))


def _check_listed(path: Path, key: str, used: Iterable[Any], listed: Collection[Any]) -> None:
    strangers = Counter(number for number in used if number not in listed)
    if strangers:
        shown = ", ".join(f"{number} ({n})" for number, n in list(strangers.items())[:_SHOWN])
        raise DataError(
            f"{path}: annotations have the {key} {shown}{_more(strangers)}, which the file does "
            "not list; remove them, or add what is missing"
        )


def _check_unique(path: Path, what: str, values: Iterable[Any]) -> None:
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    if twice:
        raise DataError(
            f"{path}: has {what} twice: {', '.join(twice[:_SHOWN])}{_more(twice)}; make them unique"
        )


def _more(values: Collection[Any]) -> str:
    return f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
