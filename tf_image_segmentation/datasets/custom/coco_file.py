"""One file of COCO annotations: images, and the regions in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tf_image_segmentation.datasets.custom.json_files import field, read_json
from tf_image_segmentation.errors import DataError

_SHOWN = 20


class Region(NamedTuple):
    """What an annotation says of an image.

    Attributes:
        annotation_id: for messages.
        category: id of its category.
        is_crowd: whether it encloses a group, not all of which is of the category.
        segmentation: polygons or run lengths as the file has them; checked when they are drawn.
    """

    annotation_id: int
    category: int
    is_crowd: bool
    segmentation: Any


class CocoImage(NamedTuple):
    """An image of the file.

    Attributes:
        file_name: path below the folder of images.
        height: in pixels.
        width: in pixels.
        regions: its annotations in the order of the file.
    """

    file_name: str
    height: int
    width: int
    regions: tuple[Region, ...]


class CocoFile(NamedTuple):
    """Categories by id, and images in the order of the file."""

    categories: dict[int, str]
    images: list[CocoImage]


def read_coco(path: Path) -> CocoFile:
    """Reads a file of COCO annotations of the kind "instances".

    Raises:
        DataError: it is no such file, has an id twice, or has annotations of images or categories
            that it does not list.
    """
    content = read_json(path)
    categories = _categories(path, field(content, "categories", list, str(path)))
    images = field(content, "images", list, str(path))
    image_ids = [_id(image, "id", f"{path}: image {n}") for n, image in enumerate(images)]
    _check_unique(path, "image ids", image_ids)
    regions: dict[int, list[Region]] = {image_id: [] for image_id in image_ids}
    _collect(path, field(content, "annotations", list, str(path)), regions, categories)
    found = [
        _image(image, regions[image_id], f"{path}: image {image_id}")
        for image_id, image in zip(image_ids, images, strict=True)
    ]
    _check_unique(path, "file names", (image.file_name for image in found))
    return CocoFile(categories, found)


def _categories(path: Path, listed: list[Any]) -> dict[int, str]:
    where = f"{path}: a category"
    pairs = [(_id(entry, "id", where), field(entry, "name", str, where)) for entry in listed]
    _check_unique(path, "category ids", (number for number, _ in pairs))
    _check_unique(path, "category names", (name for _, name in pairs))
    if not pairs:
        raise DataError(f"{path}: lists no categories; export it again")
    return dict(sorted(pairs))


def _collect(
    path: Path,
    annotations: list[Any],
    regions: dict[int, list[Region]],
    categories: Mapping[int, str],
) -> None:
    """Adds each annotation to the regions of its image."""
    ids: list[int] = []
    strangers: dict[str, Counter[int]] = {"image_id": Counter(), "category_id": Counter()}
    for number, entry in enumerate(annotations):
        image_id, region = _region(entry, f"{path}: annotation {number}")
        ids.append(region.annotation_id)
        if image_id not in regions:
            strangers["image_id"][image_id] += 1
        elif region.category not in categories:
            strangers["category_id"][region.category] += 1
        else:
            regions[image_id].append(region)
    _check_unique(path, "annotation ids", ids)
    for name, counts in strangers.items():
        if counts:
            listed = ", ".join(f"{key} ({n})" for key, n in sorted(counts.items())[:_SHOWN])
            raise DataError(
                f"{path}: annotations have the {name} {listed}{_more(counts)}, which the file does "
                "not list; remove them, or add what is missing"
            )


def _region(entry: Any, where: str) -> tuple[int, Region]:
    if isinstance(entry, dict) and "segments_info" in entry:
        raise DataError(
            f"{where}: is of the kind 'panoptic', whose masks are PNG files; this reads the kind "
            "'instances'"
        )
    annotation_id = _id(entry, "id", where)
    where = f"{where} (id {annotation_id})"
    if "segmentation" not in entry:
        raise DataError(
            f"{where}: has no 'segmentation'; boxes and captions alone say nothing of pixels"
        )
    crowd = entry.get("iscrowd", 0)
    if crowd not in (0, 1):
        raise DataError(f"{where}: 'iscrowd' is {str(crowd)[:30]}, and must be 0 or 1")
    category = _id(entry, "category_id", where)
    region = Region(annotation_id, category, bool(crowd), entry["segmentation"])
    return _id(entry, "image_id", where), region


def _image(entry: Any, regions: list[Region], where: str) -> CocoImage:
    file_name = field(entry, "file_name", str, where)
    height, width = (field(entry, name, int, where) for name in ("height", "width"))
    if height < 1 or width < 1:
        raise DataError(f"{where}: has {height} x {width} pixels (height x width); export it again")
    return CocoImage(file_name, height, width, tuple(regions))


def _id(entry: Any, name: str, where: str) -> int:
    return field(entry, name, int, where)


def _check_unique(path: Path, what: str, values: Iterable[Any]) -> None:
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    if twice:
        raise DataError(
            f"{path}: has {what} twice: {', '.join(twice[:_SHOWN])}{_more(twice)}; make them unique"
        )


def _more(values: Any) -> str:
    return f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
