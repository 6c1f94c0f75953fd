"""Draws the design from the imports: which folder of the package imports which.

python docs/generate/architecture.py    # after a change that tests/test_docs_site.py asks for
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from package_imports import FLOORS, MODULES, imports, part_of  # noqa: E402

PICTURE = ROOT / "docs" / "explanation" / "architecture.svg"
WIDTH, ROW, BOX_WIDTH, BOX_HEIGHT = 760, 76, 124, 34
# Where a folder stands in its row, from 0 to 4. One without an entry stands in the middle.
COLUMNS = {
    **{"reports": 3, "planning": 1, "tuning": 3, "export": 0, "inspection": 4, "zoo": 1},
    **{"evaluation": 3, "inference": 1, "models": 1, "tfrecords": 3},
}
STYLE = """
    text { font: 15px sans-serif; text-anchor: middle; fill: #1a1a1a }
    rect { fill: #e8f1fa; stroke: #33658a; stroke-width: 1.5 }
    path { fill: none; stroke: #666666; stroke-width: 1.3; marker-end: url(#head) }
"""


def imported_folders() -> dict[str, set[str]]:
    """Returns for each folder the folders that its modules import."""
    folders = {part_of(name) for name, path in MODULES.items() if path.name == "__init__.py"} - {""}
    below: dict[str, set[str]] = {folder: set() for folder in folders}
    for module in MODULES:
        if (folder := part_of(module)) in folders:
            below[folder] |= {part_of(name) for name in imports(module)} & folders - {folder}
    return below


def without_detours(below: dict[str, set[str]]) -> dict[str, set[str]]:
    """Leaves out what a folder also reaches through another one that it imports."""

    def reached(folder: str) -> set[str]:
        return below[folder].union(*map(reached, below[folder]))

    return {
        folder: {name for name in names if not any(name in reached(o) for o in names - {name})}
        for folder, names in below.items()
    }


def drawing() -> str:
    """Returns the picture as SVG: a box a folder, users above what they use."""
    below = imported_folders()
    rows = [row for floor in reversed(FLOORS) if (row := sorted(floor & below.keys()))]
    height = ROW * (len(rows) + 1)
    place = {
        folder: (WIDTH * (COLUMNS.get(folder, 2) + 0.5) / 5, ROW * (number + 0.5))
        for number, row in enumerate(rows)
        for folder in row
    }
    arrows = [
        _arrow(*place[folder], *place[name])
        for folder, names in sorted(without_detours(below).items())
        for name in sorted(names)
    ]
    boxes = [_box(folder, *place[folder]) for folder in sorted(place)]
    modules = sorted({part_of(name) for name in MODULES} - below.keys() - {"", "__main__"})
    head = '<path d="M0 0L8 4L0 8z" style="fill:#666666;stroke:none;marker-end:none"/>'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
            "  <title>Folders of the package; an arrow points to what a folder imports</title>",
            f"  <style>{STYLE}  </style>",
            f'  <rect width="{WIDTH}" height="{height}" style="fill:white;stroke:none"/>',
            '  <marker id="head" markerWidth="8" markerHeight="8" refX="7" refY="4" '
            f'orient="auto">{head}</marker>',
            *arrows,
            *boxes,
            _box(f"used by all: {', '.join(modules)}", WIDTH / 2, height - ROW / 2, WIDTH - 40),
            "</svg>\n",
        ]
    )


def _box(text: str, x: float, y: float, width: float = BOX_WIDTH) -> str:
    return (
        f'  <rect x="{x - width / 2:g}" y="{y - BOX_HEIGHT / 2:g}" width="{width:g}" '
        f'height="{BOX_HEIGHT}" rx="5"/><text x="{x:g}" y="{y + 5:g}">{text}</text>'
    )


def _arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    """Draws a curve from the bottom of a box to the top of a lower one."""
    start, end = y + BOX_HEIGHT / 2, to_y - BOX_HEIGHT / 2
    bend = ROW / 2 + (end - start) / 5
    return (
        f'  <path d="M{x:g} {start:g}C{x:g} {start + bend:g} {to_x:g} {end - bend:g} '
        f'{to_x:g} {end:g}"/>'
    )


if __name__ == "__main__":
    PICTURE.write_text(drawing(), encoding="utf-8")
