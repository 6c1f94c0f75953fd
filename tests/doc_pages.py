"""The README and the pages of the documentation: their blocks of code, and the commands in them."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parent.parent
MARKER = re.compile(r"<!-- (not tested|tested [\w -]+?): (.+?) -->\s*\Z")
"""Before a block: why it is not run, or by what else it is."""


class Block(NamedTuple):
    """A block of code.

    Attributes:
        page: path of its page below the repository.
        line: number of its first line.
        language: as the page says it, "" for commands.
        text: what is in it.
        marker: what a comment above it says, or "".
    """

    page: str
    line: int
    language: str
    text: str
    marker: str


class Command(NamedTuple):
    """A command line, and where it stands."""

    place: str
    text: str


def pages() -> list[Path]:
    """Returns the README and the pages of the site that hold text of their own."""
    docs = sorted((REPOSITORY / "docs").rglob("*.md"))
    others = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "notebooks/README.md")]
    return others + [path for path in docs if not path.is_symlink()]


@functools.cache
def blocks() -> tuple[Block, ...]:
    """Returns the blocks of code of all pages."""
    found = []
    for path in pages():
        text, page = path.read_text(encoding="utf-8"), str(path.relative_to(REPOSITORY))
        for block in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            marker = MARKER.search(text[: block.start()])
            line = text.count("\n", 0, block.start()) + 2
            found.append(Block(page, line, block[1], block[2], marker[0] if marker else ""))
    return tuple(found)


def commands() -> list[Command]:
    """Returns the lines of all blocks without a language, and the commands inside of sentences."""
    found = []
    for block in blocks():
        if not block.language and not block.marker:
            text = re.sub(r"\\\n\s*", "", block.text)
            lines = [line for line in text.splitlines() if line and not line.startswith("#")]
            found += [Command(f"{block.page}:{block.line}", line) for line in lines]
    for path in pages():
        page = str(path.relative_to(REPOSITORY))
        text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
        for code in re.findall(r"`([^`]+)`", text):
            if re.search(r"(?:^| )python \w+/\w+\.py ", code):
                found.append(Command(page, " ".join(code.split())))
    return found
