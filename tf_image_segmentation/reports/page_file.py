"""Fills a template and writes the page, in one step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tf_image_segmentation.atomic import temporary_sibling, write_text
from tf_image_segmentation.errors import DataError


def render(template: str, values: Mapping[str, Any]) -> str:
    """Returns a page: a template, which extends ``page.html``, filled.

    Everything that is filled in is text and never markup, whatever it holds.

    Args:
        template: name of its file in this package.
        values: what the template names; all of it must be there.
    """
    environment = Environment(
        loader=PackageLoader("tf_image_segmentation.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(values)


def write_page(path: Path, page: str) -> None:
    """Writes a page in one step: until it is whole, an older one stays.

    Raises:
        OSError: the disk fails.
    """
    # Paths and names may hold what no encoding can write.
    write_text(path, page, errors="backslashreplace")


def check_writable(path: Path) -> None:
    """Raises a DataError unless a page can be written to ``path``; makes its folder."""
    way_out = "name another file with --report"
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: is not a file; {way_out}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_sibling(path, Path.touch):
            pass
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}"
        raise DataError(f"{path}: cannot be written ({reason}); {way_out}") from error
