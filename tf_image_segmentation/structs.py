"""Typed structures in JSON and TOML files, checked before anything uses them.

`msgspec` does the checking: it is small, has no dependencies, decodes and validates in one pass,
and its structs are ordinary classes with type hints. A wrong value is an error that names the
file, the key and the rule.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from tf_image_segmentation.errors import DataError

T = TypeVar("T")
Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Decay = Annotated[float, msgspec.Meta(ge=0, lt=1)]
"""What is left of a running average at each step."""
Exponent = Annotated[float, msgspec.Meta(gt=0, le=100)]
Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]
Color = tuple[Byte, Byte, Byte]
"""Red, green and blue."""
Range = tuple[float, float]
"""Values that become 0 and 255."""
ComputeDtype = Literal["float32", "bfloat16"]
"""Type that the convolutions of a network compute in."""

MAX_BYTES = 64 * 10**6
"""Size of the largest structure file that is read."""


def read_json(path: Path, kind: type[T], max_bytes: int = MAX_BYTES) -> T:
    """Reads a JSON file into ``kind``, a `msgspec.Struct` or any type that msgspec knows.

    Args:
        path: the file.
        kind: what it must hold.
        max_bytes: larger files are refused.

    Raises:
        DataError: the file is missing, too large, no JSON, or does not fit ``kind``.
    """
    return parse_json(_read(path, max_bytes), kind, path)


def parse_json(content: bytes, kind: type[T], path: Path) -> T:
    """Parses the bytes of a JSON file; see `read_json`.

    Args:
        content: the bytes.
        kind: what they must hold.
        path: the file that errors name.
    """
    try:
        return msgspec.json.decode(content.removeprefix(codecs.BOM_UTF8), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{path}: {_rule(error)}") from error
    except RecursionError as error:
        raise DataError(f"{path}: is nested too deeply") from error


def read_toml(path: Path) -> dict[str, Any]:
    """Reads a TOML file into plain dictionaries, lists and values.

    Raises:
        DataError: the file is missing, too large or no TOML.
    """
    content = _read(path, MAX_BYTES)
    try:
        return tomlkit.parse(content.decode("utf-8-sig")).unwrap()
    except (TOMLKitError, ValueError) as error:  # ValueError: not UTF-8
        raise DataError(f"{path}: {error}") from error
    except RecursionError as error:
        raise DataError(f"{path}: is nested too deeply") from error


def parse_toml_value(text: str, place: str) -> Any:
    """Returns the plain value that a TOML expression, such as ``{name = "dice"}``, stands for.

    Args:
        text: the expression.
        place: what errors name.

    Raises:
        DataError: it is no TOML.
    """
    try:
        document = tomlkit.parse(f"value = {text}").unwrap()
    except (TOMLKitError, ValueError) as error:
        raise DataError(f"{place}: {text} is no TOML value ({error})") from error
    if len(document) > 1:
        raise DataError(f"{place}: {text} is more than one TOML value")
    return document["value"]


def convert(value: Any, kind: type[T], path: Path | str) -> T:
    """Checks plain values, such as those of `read_toml`, against ``kind``.

    Args:
        value: dictionaries, lists and plain values.
        kind: what they must be.
        path: the file that errors name, or what else the values come from.

    Raises:
        DataError: they do not fit.
    """
    try:
        return msgspec.convert(value, type=kind)
    except (msgspec.MsgspecError, ValueError) as error:
        raise DataError(f"{path}: {_rule(error)}") from error
    except RecursionError as error:
        raise DataError(f"{path}: is nested too deeply") from error


def convert_value(value: Any, kind: type[T], place: str) -> T:
    """Does what `convert` does, and names the value in the error."""
    try:
        return convert(value, kind, place)
    except DataError as error:
        got = "" if ", got " in str(error) else f", got {value!r}"
        raise DataError(f"{error}{got}") from error


def _rule(error: Exception) -> str:
    """Returns what msgspec found, with the key in front: ``steps: expected int, got str``."""
    found = re.fullmatch(
        r"(Expected .*?|.*(?= - at ))(?: - at (`key` in )?`\$\.?(.*)`)?", str(error), re.DOTALL
    )
    if not found:
        return str(error)
    rule, of_key, place = found.groups()
    place = f"a key of {place or 'the table'}" if of_key else place
    rule = rule[0].lower() + rule[1:].replace("`", "")
    return f"{place}: {rule}" if place else rule


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > max_bytes:
        raise DataError(f"{path}: is larger than {max_bytes} bytes, which no such file should be")
    return content
