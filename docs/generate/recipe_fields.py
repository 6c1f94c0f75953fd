"""The fields of a recipe as a table, written from the docstring of `Recipe`."""

from __future__ import annotations

import re

import msgspec

from tf_image_segmentation.cli.train import field_meanings
from tf_image_segmentation.training.recipe import Recipe, built_in_recipes


def fields_text() -> str:
    """Returns a table of Markdown: each field, its default and what it means."""
    defaults = Recipe().to_json()
    rows = [
        f"| `{name}` | `{msgspec.json.encode(defaults[name]).decode()}` | {_escaped(meaning)} |"
        for name, meaning in field_meanings().items()
    ]
    return "\n".join(["| field | default | meaning |", "|---|---|---|", *rows])


def recipes_text() -> str:
    """Returns a table of Markdown: the recipes that come with the package."""
    rows = [f"| `{name}` | {_escaped(title)} |" for name, title in built_in_recipes().items()]
    return "\n".join(["| recipe | what it is for |", "|---|---|", *rows])


def _escaped(text: str) -> str:
    """Returns reStructuredText of one line as Markdown; only what stands in code has a form."""
    parts = text.split("``")
    parts[::2] = [re.sub(r"([*_<|])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)
