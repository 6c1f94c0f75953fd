"""Folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """Gives a temporary folder inside ``parent``, from which finished entries are renamed away.

    The folder and what is left in it is removed when the block ends, however it ends. It lies in
    ``parent`` because a rename is atomic only within one file system.

    Args:
        parent: made where missing.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
