"""Paths of files that annotations name, as programs on any system write them."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

from tf_image_segmentation.datasets.lists import resolve_inside
from tf_image_segmentation.errors import DataError


def resolve_named(folder: Path, written: str, where: str) -> Path:
    r"""Returns the file below ``folder`` that is named with slashes or backslashes.

    Args:
        folder: what the path is relative to.
        written: the path, for example ``images\a.jpg``.
        where: the file that names it, and the place in there, for messages.

    Raises:
        DataError: the path is absolute, holds ``..``, or is a link that leaves the folder.
    """
    relative = written.replace("\\", "/")
    if PureWindowsPath(written).drive or not written.strip():
        raise DataError(
            f"{where}: {written!r} is no path relative to {folder}; only files below that folder "
            "are read, named relative to it"
        )
    if ".." in relative.split("/") or relative.startswith("/"):
        raise DataError(
            f"{where}: {written!r} would leave the folder {folder}; only files below it are read: "
            "move or copy them there, and name them relative to it"
        )
    try:
        return resolve_inside(folder, relative)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
