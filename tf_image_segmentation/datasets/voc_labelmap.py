"""Classes that a folder names: classes.csv, labelmap.txt, class_names.txt and others."""

from __future__ import annotations

import re
from pathlib import Path

from tf_image_segmentation.datasets.classes_file import CLASSES_FILE, is_ignored, read_classes
from tf_image_segmentation.datasets.info import VOID_COLORS, DatasetInfo
from tf_image_segmentation.datasets.lists import read_ids
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import Color

LABELMAP, CLASS_NAMES = "labelmap.txt", "class_names.txt"
_ROBOFLOW, _NAMES = "_classes.csv", "classes.txt"
FILES = (CLASSES_FILE, LABELMAP, CLASS_NAMES, _ROBOFLOW, _NAMES)
BACKGROUND = "background"
BACKGROUND_NAMES = (BACKGROUND, "_background_", "__background__")
"""What tools call pixels under no shape."""

_MOST_CLASSES = 255  # 255 is the ignore label
_BLACK = (0, 0, 0)


def read_voc_classes(folder: Path, dataset: str) -> DatasetInfo | None:
    """Returns the classes that a folder names, None where it has none of `FILES`.

    ``classes.csv`` comes first. ``labelmap.txt`` (CVAT, Datumaro) has lines
    ``label:red,green,blue:parts:actions``. ``class_names.txt`` (labelme2voc) and ``classes.txt``
    have names in the order of the ids, whose colors are those of the VOC color map. Masks may have
    these colors, or the places of the classes in the file as ids. ``_classes.csv`` is Roboflow's.

    Raises:
        DataError: a file is not as it must be, or the two name different classes.
    """
    for name in (CLASSES_FILE, _ROBOFLOW):
        if (folder / name).is_file():
            return read_classes(folder / name, dataset)
    if (folder / LABELMAP).is_file():
        info = _labelmap(folder / LABELMAP, dataset)
        if (folder / CLASS_NAMES).is_file():
            _check_same(folder, info, _class_names(folder / CLASS_NAMES, dataset))
        return info
    for name in (CLASS_NAMES, _NAMES):
        if (folder / name).is_file():
            return _class_names(folder / name, dataset)
    return None


def plain_name(name: str) -> str:
    """Returns the name that tools write in several ways: "background" for "_background_"."""
    return BACKGROUND if name.lower() in BACKGROUND_NAMES else name


def _labelmap(path: Path, dataset: str) -> DatasetInfo:
    named: dict[str, Color | None] = {}
    for line in read_ids(path):
        if not line.startswith("#"):
            name, color = _entry(path, line)
            named[name] = color
    void = [color for name, color in named.items() if _is_void(name) and color]
    classes = {plain_name(name): color for name, color in named.items() if not _is_void(name)}
    if any(color is None for color in classes.values()):
        if any(color for color in classes.values()):
            raise DataError(f"{path}: some labels have no color; give one to all or none")
        classes = dict(zip(classes, voc_color_map(len(classes)), strict=True))
    if BACKGROUND not in classes and _BLACK not in classes.values():
        classes = {BACKGROUND: _BLACK, **classes}
    colors = [color for color in classes.values() if color is not None]
    return _info(path, dataset, tuple(classes), tuple(colors), tuple(void))


def _entry(path: Path, line: str) -> tuple[str, Color | None]:
    fields = line.rsplit(":", 3) if line.count(":") >= 3 else line.split(":")
    name, color = fields[0].strip(), fields[1].strip() if len(fields) > 1 else ""
    if not color:
        return name, None
    parts = re.fullmatch(r"(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})", color)
    if not name or not parts or any(int(part) > 255 for part in parts.groups()):
        raise DataError(f"{path}: {line!r} is no line such as 'car:0,128,255::'; correct it")
    red, green, blue = map(int, parts.groups())
    return name, (red, green, blue)


def _is_void(name: str) -> bool:
    return is_ignored(name) or name.lower() == "ignored"


def _class_names(path: Path, dataset: str) -> DatasetInfo:
    names = tuple(plain_name(name) for name in read_ids(path) if not _is_void(name))
    return _info(path, dataset, names, voc_color_map(min(len(names), 256)), ())


def _info(
    path: Path, dataset: str, names: tuple[str, ...], colors: tuple[Color, ...], void: tuple
) -> DatasetInfo:
    if not 1 <= len(names) <= _MOST_CLASSES:
        raise DataError(f"{path}: names {len(names)} classes; there can be 1 to {_MOST_CLASSES}")
    return DatasetInfo(
        dataset,
        names,
        colors,
        mask_encoding="rgb_or_index",
        void_colors=(*void, *(color for color in VOID_COLORS if color not in void)),
    )


def _check_same(folder: Path, info: DatasetInfo, other: DatasetInfo) -> None:
    if info.class_names != other.class_names:
        raise DataError(
            f"{folder}: {LABELMAP} names {', '.join(info.class_names)}, but {CLASS_NAMES} "
            f"{', '.join(other.class_names)}; remove the one that is not of these masks"
        )
