"""One file of COCO annotations: images, and the regions in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import Positive, read_json

MAX_BYTES = 2**30
"""Largest file that is read; parsed, it takes several times as much memory."""

_SHOWN = 20


class Category(msgspec.Struct):
    """A class that regions may have."""

    id: int
    name: str


class Region(msgspec.Struct):
    """An annotation of an image.

    Attributes:
        id: for messages.
        image_id: id of its image.
        category_id: id of its category.
        segmentation: polygons or run lengths as the file has them; checked when they are drawn, so
            that a damaged one is a fault of its image alone.
        iscrowd: whether it encloses a group, not all of which is of the category.
    """

    id: int
    image_id: int
    category_id: int
    segmentation: Any
    iscrowd: Literal[0, 1] | bool = 0


class CocoImage(msgspec.Struct):
    """An image of the file.

    Attributes:
        id: number that annotations name.
        file_name: path below the folder of images.
        height: in pixels.
        width: in pixels.
    """

    id: int
    file_name: str
    height: Positive
    width: Positive


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
    """

    categories: dict[int, str]
    images: list[CocoImage]
    regions: dict[int, list[Region]]


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
    _check_unique(path, "category ids", (category.id for category in categories))
    _check_unique(path, "category names", (category.name for category in categories))
    _check_unique(path, "image ids", (image.id for image in images))
    _check_unique(path, "file names", (image.file_name for image in images))
    _check_unique(path, "annotation ids", (region.id for region in annotations))
    names = dict(sorted((category.id, category.name) for category in categories))
    regions: dict[int, list[Region]] = {image.id: [] for image in images}
    _check_listed(path, "image_id", (region.image_id for region in annotations), regions)
    _check_listed(path, "category_id", (region.category_id for region in annotations), names)
    for region in annotations:
        regions[region.image_id].append(region)
    return CocoFile(names, images, regions)


def _check_listed(path: Path, key: str, used: Iterable[int], listed: Collection[int]) -> None:
    strangers = Counter(number for number in used if number not in listed)
    if strangers:
        shown = ", ".join(f"{number} ({n})" for number, n in sorted(strangers.items())[:_SHOWN])
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
