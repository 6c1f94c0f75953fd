"""Annotations of COCO that are boxes or crowds, and categories that are no classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tf_image_segmentation.datasets.custom.coco_file import CocoFile, Region
from tf_image_segmentation.datasets.registry import LayoutOption
from tf_image_segmentation.errors import DataError

FILL, IGNORE, DROP = "fill", "ignore", "drop"
BOXES = LayoutOption(
    "boxes",
    "what annotations are that have a box and no outline: fill the box, ignore its pixels, or drop "
    "the annotation; None refuses them",
    (FILL, IGNORE, DROP),
)
CROWDS = LayoutOption(
    "crowds",
    "what regions with iscrowd are: ignored pixels, or of their class, as CVAT writes masks; None "
    "ignores them, and refuses a dataset that has nothing else",
    (IGNORE, "class"),
)


def without_crowds(path: Path, file: CocoFile, crowds: str | None) -> CocoFile:
    """Returns what a file says with crowds made what the option ``crowds`` says.

    Raises:
        DataError: all annotations are crowds, and there is no option.
    """
    regions = [region for listed in file.regions.values() for region in listed]
    if crowds is None and regions and all(region.iscrowd for region in regions):
        raise DataError(
            f"{path}: all {len(regions)} annotations have iscrowd 1, which means pixels to ignore, "
            "but which CVAT writes for masks; choose --crowds class (they are of their class) or "
            "ignore"
        )
    if crowds != "class":
        return file
    changed = {
        image_id: [replace(region, iscrowd=0) for region in listed]
        for image_id, listed in file.regions.items()
    }
    return dataclasses.replace(file, regions=changed)


def without_boxes(path: Path, file: CocoFile, boxes: str | None) -> CocoFile:
    """Returns what a file says with boxes made what the option ``boxes`` says.

    Filled ones become polygons, ignored ones crowds, which are drawn below all others.

    Raises:
        DataError: there are boxes without outlines, and no option; or one has no box either.
    """
    bare = [r for regions in file.regions.values() for r in regions if not _has_outline(r)]
    if not bare:
        return file
    if boxes is None:
        raise DataError(
            f"{path}: {len(bare)} annotations, such as {bare[0].id}, have an empty segmentation; a "
            f"box alone does not say which pixels it means; choose --boxes {FILL} (the whole box "
            f"is of the class), {IGNORE} (its pixels are ignored) or {DROP} (as if not there)"
        )
    regions = {
        image_id: [each for region in listed for each in _as_chosen(path, region, boxes)]
        for image_id, listed in file.regions.items()
    }
    return dataclasses.replace(file, regions=regions)


def _as_chosen(path: Path, region: Region, boxes: str) -> list[Region]:
    if _has_outline(region):
        return [region]
    if boxes == DROP:
        return []
    outline = [box_polygon(region.bbox, f"{path}: annotation {region.id}")]
    crowd = region.iscrowd or int(boxes == IGNORE)
    return [replace(region, segmentation=outline, iscrowd=crowd)]


def box_polygon(box: Any, where: str) -> list[float]:
    """Returns the corners of a box of x, y, width and height as x and y in turn."""
    if (
        not isinstance(box, list)
        or len(box) != 4
        or any(isinstance(value, bool) or not isinstance(value, int | float) for value in box)
    ):
        raise DataError(
            f"{where}: has neither an outline nor a box of four numbers, but {str(box)[:40]}; draw "
            f"it again, or leave it out with --boxes {DROP}"
        )
    x, y, width, height = box
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def _has_outline(region: Region) -> bool:
    outline = region.segmentation
    if outline is None:
        return False
    return not isinstance(outline, list) or any(part != [] for part in outline)


def classes_of(files: Mapping[str, CocoFile], categories: Mapping[Any, str]) -> dict[Any, str]:
    """Returns the categories but those that only group others, as Roboflow writes first.

    Such a one is the ``supercategory`` of another, and no file has annotations of it.
    """
    groups = {name for file in files.values() for name in file.supercategories}
    used = {
        region.category_id
        for file in files.values()
        for regions in file.regions.values()
        for region in regions
    }
    return {n: name for n, name in categories.items() if n in used or name not in groups}
