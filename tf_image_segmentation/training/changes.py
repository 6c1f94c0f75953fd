"""Changes to a recipe that are written as ``key=value``."""

from __future__ import annotations

import re
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import parse_toml_value

PARTS = ("optimizer", "schedule")
"""Fields that hold one part, which may be written as its name."""


def parse_change(change: str) -> tuple[list[str], Any]:
    """Returns the keys and the value of ``a.b=value``, see `Recipe.with_changes`.

    Raises:
        DataError: the text has no such form.
    """
    key, equals, text = (part.strip() for part in change.partition("="))
    try:
        node: Any = tomlkit.parse(f"{key} = 0").unwrap()
        keys = []
        while isinstance(node, dict) and node:
            name, node = next(iter(node.items()))
            keys.append(name)
        if not equals or not keys:
            raise DataError("no key and equals sign")
        # Shells take quotes away, so that a single word needs none.
        word = re.fullmatch(r"[A-Za-z_./*~][\w./*~-]*|\d+(\.\d+)?m", text)
        if word and text not in ("true", "false", "inf", "nan"):
            return keys, text
        return keys, parse_toml_value(text, "the value")
    except (TOMLKitError, ValueError) as error:
        raise DataError(
            f"--set {change}: must be key=value with a value as in TOML, such as steps=100 or "
            f"'augmentations=[\"flip\"]' ({error})"
        ) from error


def set_value(fields: Any, path: list[str], value: Any, change: str) -> None:
    """Sets the value at ``path`` in nested tables; a list of parts is entered by a part's name.

    Args:
        fields: the tables, which are changed.
        path: keys, from the outside in.
        value: the new value.
        change: what errors name.

    Raises:
        DataError: there is no such place.
    """
    name, *rest = path
    if isinstance(fields, list):
        if not all(isinstance(part, str | dict) for part in fields):
            raise DataError(f"--set {change}: the list holds no parts; set it whole")
        fields[:] = [{"name": part} if isinstance(part, str) else part for part in fields]
        found = [part for part in fields if part.get("name") == name]
        if not found or not rest:
            names = ", ".join(part.get("name", "?") for part in fields)
            raise DataError(
                f"--set {change}: there is no part {name!r} to change, only {names}; to add one, "
                "set the whole list"
            )
        for part in found:
            set_value(part, rest, value, change)
    elif not rest:
        fields[name] = value
    else:
        inner = fields.setdefault(name, {})
        if isinstance(inner, str) and name in PARTS:
            inner = fields[name] = {"name": inner}
        if not isinstance(inner, dict | list):
            raise DataError(f"--set {change}: {name} is a single value; it has no {rest[0]}")
        set_value(inner, rest, value, change)
