"""Long lists in messages: the first lines, and the rest in a file."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

SHOWN = 20


def first_lines(lines: Sequence[str], what: str) -> list[str]:
    """Returns the first lines; if there are more, also the name of a file that has all of them.

    The file lies in the system's folder for temporary files.

    Args:
        lines: all of them.
        what: names the file, "missing" for example.
    """
    if len(lines) <= SHOWN:
        return list(lines)
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"{what}_", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write("\n".join(lines) + "\n")
    return [*lines[:SHOWN], f"and {len(lines) - SHOWN:,} more, see {file.name}"]
