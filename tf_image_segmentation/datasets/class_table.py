"""Class names with their colors, written as text: one "name red green blue" a line."""

from __future__ import annotations


def class_table(text: str) -> tuple[tuple[str, ...], tuple[tuple[int, int, int], ...]]:
    """Returns the names and the colors of a table, id 0 first; names may hold spaces."""
    rows = [line.rsplit(maxsplit=3) for line in text.splitlines()]
    names = tuple(name for name, *_ in rows)
    return names, tuple((int(red), int(green), int(blue)) for _, red, green, blue in rows)
