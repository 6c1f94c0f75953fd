"""What mkdocs calls while it builds the site (mkdocs.yml names this file)."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from commands import commands_text  # noqa: E402
from notebook_page import without_network  # noqa: E402
from recipe_fields import fields_text, recipes_text  # noqa: E402

from tf_image_segmentation import _NAMES as NAMES  # noqa: E402

ROOT = Path(__file__).parents[2]
MARKER = re.compile(r"<!-- generated: (.+?) -->")
FROM_ELSEWHERE = re.compile(
    r'<(?:script|img|iframe)[^>]+src="(?:https?:)?//|<link[^>]+"https?://|import\("https'
)


def on_config(config: Any) -> None:
    """Adds the notebooks to the navigation, so that a new one needs no edit of mkdocs.yml."""
    (tutorials,) = [entry for entry in config.nav if "Tutorials" in entry]
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    tutorials["Tutorials"] += [f"tutorials/{path.name}" for path in notebooks]


def on_page_markdown(markdown: str, page: Any, **others: Any) -> str:
    """Fills in what is generated, and mends the links of pages that lie in the root."""
    if page.file.src_uri in ("changelog.md", "contributing.md"):
        markdown = markdown.replace("](docs/", "](")
    return MARKER.sub(lambda marker: _generated(marker[1]), markdown)


def on_page_content(html: str, page: Any, **others: Any) -> str:
    """Makes notebooks readable without a network."""
    return without_network(html) if page.file.src_uri.endswith(".ipynb") else html


def on_post_page(output: str, page: Any, **others: Any) -> None:
    """Refuses a page that would fetch fonts, scripts or pictures from elsewhere."""
    if found := FROM_ELSEWHERE.search(output):
        start = found.start()
        raise PluginError(f"{page.file.src_uri} fetches from elsewhere: {output[start:][:120]}")


def _generated(name: str) -> str:
    makers = {
        "commands": commands_text,
        "recipe fields": fields_text,
        "recipes": recipes_text,
        "imports": imports_text,
    }
    if name not in makers:
        raise PluginError(f"nothing called {name!r} is generated; there is {', '.join(makers)}")
    return makers[name]()


def imports_text() -> str:
    """Returns a table of the names that each package offers, with links to where they are from."""
    top = [f"[`{name}`][tf_image_segmentation.{module}.{name}]" for name, module in NAMES.items()]
    rows = [f"| `tf_image_segmentation` | {', '.join(top)} |"]
    for path in sorted((ROOT / "tf_image_segmentation").glob("*/__init__.py")):
        package = f"tf_image_segmentation.{path.parent.name}"
        links = [
            f"[`{alias.name}`][{node.module}.{alias.name}]"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package)
            for alias in node.names
        ]
        if links:
            rows.append(f"| `{package}` | {', '.join(links)} |")
    return "\n".join(["| import from | names |", "|---|---|", *rows])
