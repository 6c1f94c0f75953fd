"""Paths of files that annotations name, as programs on any system write them."""

from __future__ import annotations

import os.path
from pathlib import Path, PureWindowsPath

from tf_image_segmentation.datasets.lists import resolve_inside
from tf_image_segmentation.errors import DataError


def resolve_named(folder: Path, written: str, where: str, root: Path | None = None) -> Path:
    r"""Returns the file that is named with slashes or backslashes.

    Args:
        folder: what the path is relative to.
        written: the path, for example ``images\a.jpg``.
        where: the file that names it, and the place in there, for messages.
        root: the folder that the path may not leave; ``folder`` lies in it, or is it by default.

    Raises:
        DataError: the path is absolute, leaves the root, or is a link that does.
    """
    root = folder if root is None else root
    relative = written.replace("\\", "/")
    if PureWindowsPath(written).drive or not written.strip():
        raise DataError(
            f"{where}: {written!r} is no path relative to {folder}; only files below {root} are "
            "read, named relative to it"
        )
    inside = os.path.normpath(folder.relative_to(root) / relative)
    if inside.split("/")[0] == ".." or relative.startswith("/"):
        raise DataError(
            f"{where}: {written!r} would leave the folder {root}; only files below it are read: "
            "move or copy them there, and name them by their place there"
        )
    try:
        return resolve_inside(root, inside)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
