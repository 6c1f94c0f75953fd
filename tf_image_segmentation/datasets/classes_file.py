"""Classes in a CSV file: classes.csv of a custom dataset, and those of published ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tf_image_segmentation.datasets.csv_tables import Row, read_table
from tf_image_segmentation.datasets.info import VOID_COLORS, DatasetInfo
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import Color

CLASSES_FILE = "classes.csv"
IGNORE_NAMES = ("ignore", "void", "__ignore__")
"""A row with one of these names, in any case, is no class: it says what marks ignored pixels."""

_MOST_CLASSES = 256
_DEFAULT_IGNORE_LABEL = 255
_LARGEST_ID = 2**31 - 1
_CHANNELS = (("red", "green", "blue"), ("r", "g", "b"))
_COLOR_COLUMNS = ("color", "colour")
_OTHER_COLUMNS = {"class": "name", "pixel value": "id"}  # of Roboflow

_Value = TypeVar("_Value")


def published_classes(dataset: str) -> DatasetInfo:
    """Reads the classes of a published dataset, which ship with this package; see `read_classes`.

    Args:
        dataset: name of the dataset and of the file.
    """
    return read_classes(published_file(dataset), dataset)


def published_file(dataset: str) -> Path:
    """Returns the file that `published_classes` reads."""
    return Path(__file__).parent / "classes" / f"{dataset}.csv"


def read_classes(path: Path, dataset: str) -> DatasetInfo:
    """Reads which classes there are and how masks store them.

    Columns: ``name``; ``id``, the value that masks store; a color as ``red``, ``green``, ``blue``
    (or ``r``, ``g``, ``b``), or as ``color`` (or ``color``), written ``#ff8000`` or
    ``255 128 0``. ``class`` and ``pixel value`` are names of Roboflow for the first two. Others are
    not read. What there is decides the mask encoding:

    - ids 0 to n - 1: ``"index"``; classes are in the order of their ids. With a row for ignored
      pixels, whose id is then the ignore label, ``"index_with_void"``: 255 is no foreground.
    - other ids: ``"label_map"``; they become 0 to n - 1 in the order of the file.
    - colors alone: ``"rgb"``, in the order of the file.
    - names alone: ``"index"``, in the order of the file.

    The ignore label is 255 unless such a row says otherwise. Without colors, the classes have
    those of the VOC color map.

    Args:
        path: the file.
        dataset: name of the dataset.

    Returns:
        The description, without splits.

    Raises:
        DataError: the file is missing, no such table, or says what cannot be; names the line.
    """
    if not path.is_file():
        raise DataError(
            f"{path}: missing; make it, with a first line 'name,id' and a line for each class, "
            "for example 'wall,0'"
        )
    rows = read_table(path, ("name",), _OTHER_COLUMNS)
    _check_names(path, rows)
    classes = [row for row in rows if not is_ignored(row.fields["name"])]
    void = [row for row in rows if is_ignored(row.fields["name"])]
    _check_counts(path, classes, void)
    ids, colors = (
        _all_or_none(path, classes, _id, "id"),
        _all_or_none(path, classes, _color, "color"),
    )
    _check_unlike(path, classes + void, _id, "id")
    if ids:
        return _with_ids(path, dataset, classes, ids, colors, void)
    if colors:
        return _with_colors(path, dataset, classes, colors, void)
    return _info(dataset, classes, colors)


def is_ignored(name: str) -> bool:
    """Says whether a class of that name stands for pixels without a label."""
    return name.lower() in IGNORE_NAMES


def _with_ids(
    path: Path,
    dataset: str,
    classes: list[Row],
    ids: list[int],
    colors: list[Color],
    void: list[Row],
) -> DatasetInfo:
    ignored = _all_or_none(path, void, _id, "id")
    if void and not ignored:
        raise DataError(f"{path}: line {void[0].line} needs the id that marks ignored pixels")
    ignore_label = ignored[0] if ignored else _DEFAULT_IGNORE_LABEL
    if sorted(ids) == list(range(len(ids))) and ignore_label <= _DEFAULT_IGNORE_LABEL:
        order = sorted(range(len(ids)), key=ids.__getitem__)
        return _info(
            dataset,
            [classes[place] for place in order],
            [colors[place] for place in order] if colors else [],
            ignore_label=None if ignore_label < len(ids) else ignore_label,
            mask_encoding="index_with_void" if ignored else "index",
        )
    label_map = {stored: label for label, stored in enumerate(ids)}
    label_map |= dict.fromkeys(ignored, _DEFAULT_IGNORE_LABEL)
    return _info(dataset, classes, colors, mask_encoding="label_map", label_map=label_map)


def _with_colors(
    path: Path, dataset: str, classes: list[Row], colors: list[Color], void: list[Row]
) -> DatasetInfo:
    _check_unlike(path, classes + void, _color, "color")
    ignored = _all_or_none(path, void, _color, "color")
    if void and not ignored:
        raise DataError(f"{path}: line {void[0].line} needs the color that marks ignored pixels")
    void_colors = tuple(ignored) or VOID_COLORS
    return _info(dataset, classes, colors, mask_encoding="rgb", void_colors=void_colors)


def _info(dataset: str, classes: list[Row], colors: list[Color], **more: object) -> DatasetInfo:
    default = _DEFAULT_IGNORE_LABEL if len(classes) < _MOST_CLASSES else None
    return DatasetInfo(
        name=dataset,
        class_names=tuple(row.fields["name"] for row in classes),
        palette=tuple(colors) or voc_color_map(len(classes)),
        **{"ignore_label": default, **more},  # type: ignore[arg-type]
    )


def _check_names(path: Path, rows: list[Row]) -> None:
    lines: dict[str, int] = {}
    for row in rows:
        name = row.fields["name"]
        if not name:
            raise DataError(f"{path}: line {row.line} has no name; give the class one")
        if name in lines:
            raise DataError(
                f"{path}: {name!r} is in line {lines[name]} and again in line {row.line}; "
                "name each class once"
            )
        lines[name] = row.line


def _check_counts(path: Path, classes: list[Row], void: list[Row]) -> None:
    if len(void) > 1:
        raise DataError(
            f"{path}: lines {void[0].line} and {void[1].line} both stand for ignored pixels; "
            "keep one"
        )
    most = _MOST_CLASSES - len(void)
    if not 1 <= len(classes) <= most:
        raise DataError(
            f"{path}: names {len(classes)} classes; masks are stored in 8 bits, so that there can "
            f"be 1 to {most}"
        )


def _all_or_none(
    path: Path, rows: list[Row], read: Callable[[Path, Row], _Value | None], kind: str
) -> list[_Value]:
    """Returns what ``read`` finds in each row, or [] if it finds it in none."""
    values = [read(path, row) for row in rows]
    found = [value for value in values if value is not None]
    if found and len(found) < len(rows):
        line = rows[values.index(None)].line
        raise DataError(
            f"{path}: line {line} has no {kind}, but others do; give one to all or none"
        )
    return found


def _check_unlike(
    path: Path, rows: list[Row], read: Callable[[Path, Row], _Value | None], kind: str
) -> None:
    lines: dict[_Value, int] = {}
    for row in rows:
        value = read(path, row)
        if value is None:
            continue
        if value in lines:
            raise DataError(
                f"{path}: the {kind} {value} is in line {lines[value]} and again in line "
                f"{row.line}; give each class its own"
            )
        lines[value] = row.line


def _id(path: Path, row: Row) -> int | None:
    text = row.fields.get("id", "")
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > _LARGEST_ID:
        raise DataError(
            f"{path}: line {row.line} has the id {text!r}; ids are whole numbers of 0 to "
            f"{_LARGEST_ID}, as masks store them"
        )
    return int(text)


def _color(path: Path, row: Row) -> Color | None:
    written = [row.fields[name] for name in _COLOR_COLUMNS if row.fields.get(name)]
    for names in _CHANNELS:
        channels = [row.fields.get(name, "") for name in names]
        written += [" ".join(channels)] if any(channels) else []
    if not written:
        return None
    if len(written) > 1:
        raise DataError(f"{path}: line {row.line} has two colors; keep one way to write them")
    return _parse_color(path, row.line, written[0])


def _parse_color(path: Path, line: int, text: str) -> Color:
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        red, green, blue = bytes.fromhex(text[1:])
        return red, green, blue
    parts = re.split(r"[\s,]+", text.strip("() "))
    if len(parts) == 3 and all(re.fullmatch("[0-9]{1,3}", p) and int(p) < 256 for p in parts):
        return int(parts[0]), int(parts[1]), int(parts[2])
    raise DataError(
        f"{path}: line {line} has the color {text!r}; write it as '#ff8000', as '255 128 0', or "
        "in columns red, green and blue of 0 to 255"
    )
