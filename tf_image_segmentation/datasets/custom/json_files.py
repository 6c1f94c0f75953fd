"""Reading JSON files that may be damaged or hostile."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from tf_image_segmentation.datasets.decode.decoding import read_bytes
from tf_image_segmentation.errors import DataError

MAX_BYTES = 2**30
"""Largest file that is read; parsed, it takes several times as much memory."""


def read_json(path: Path) -> dict[str, Any]:
    """Returns the object that a JSON file holds.

    Raises:
        DataError: the file cannot be read, is larger than `MAX_BYTES`, or is no JSON object in
            UTF-8; NaN and Infinity are not JSON.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise DataError(
            f"{path}: has {path.stat().st_size} bytes, more than the {MAX_BYTES} that are read; "
            "divide it into several files"
        )
    data = read_bytes(path)
    try:
        content = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    # Deep nesting is a RecursionError; numbers of thousands of digits are a ValueError.
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: is not a JSON file that can be read ({error}); export or copy it again"
        ) from error
    if not isinstance(content, dict):
        raise DataError(
            f"{path}: holds {_kind(content)} where a JSON object is due; export it again"
        )
    return content


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def field(fields: Any, name: str, kind: type, where: str) -> Any:
    """Returns ``fields[name]``, which must be of ``kind``.

    Args:
        fields: a JSON object.
        name: the key.
        kind: ``str``, ``list``, ``dict``, ``int`` (true and false are none) or ``float``, which any
            finite number is.
        where: the file and the place in it, for messages.

    Raises:
        DataError: ``fields`` is no object, or the value is absent or of another kind.
    """
    if not isinstance(fields, dict):
        raise DataError(f"{where}: is {_kind(fields)} where a JSON object is due; export it again")
    if name not in fields:
        raise DataError(f"{where}: has no {name!r}; export it again")
    value = fields[name]
    if kind is float and is_number(value):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise DataError(
            f"{where}: {name!r} is {_kind(value)}, and must be {_KINDS[kind]}; export it again"
        )
    return value


_KINDS = {str: "text", list: "a list", dict: "an object", int: "a whole number", float: "a number"}


def is_number(value: Any) -> bool:
    """Says whether a JSON value is a finite number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value)
    names = [name for kind, name in _KINDS.items() if isinstance(value, kind)]
    return names[0]
