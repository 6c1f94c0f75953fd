"""Output folders that appear whole or not at all.

Work goes to a hidden, locked sibling ``.<name>.partial-XXXXXXXX``, which is renamed at the end, or
exchanged with the output that it replaces. Where the system cannot exchange two folders in one
step, the older output is moved aside to ``.<name>.old-XXXXXXXX`` first, so that a run killed
between the two renames can be undone.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.atomic import lock_folder, locked, remove_abandoned, unlock
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.manifest import MANIFEST_FILE


@contextlib.contextmanager
def output_folder(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Gives a temporary folder that becomes ``path`` when the block ends well.

    When the block raises (KeyboardInterrupt and SystemExit too), the temporary folder is removed
    and ``path`` stays as it was. What killed runs left is removed or undone first.

    Args:
        path: the folder to make; its parents are made where missing.
        overwrite: replace ``path`` if it holds records.

    Raises:
        DataError: ``path`` exists and may not be replaced, now or when the block ends.
    """
    path = path.resolve()
    check_output(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent):
        _sweep(path)
        partial = _sibling(path, "partial")
        partial.mkdir()
        lock = lock_folder(partial, wait=False)
    try:
        yield partial
        with locked(path.parent):
            _replace(partial, path, overwrite)
    finally:
        # After the rename there is nothing at this name any more.
        shutil.rmtree(partial, ignore_errors=True)
        unlock(lock)


def check_output(path: Path, overwrite: bool = False) -> None:
    """Raises a `DataError` unless ``path`` is free, empty, or holds records and may be replaced."""
    path = path.resolve()
    restore(path)
    _refuse_to_lose(path, overwrite)


def _refuse_to_lose(path: Path, overwrite: bool) -> None:
    if not path.name:
        raise DataError(f"{path}: cannot be an output folder; name a folder inside it")
    if not path.exists():
        return
    if not path.is_dir():
        raise DataError(f"{path}: exists and is not a folder; name another output folder")
    names = [entry.name for entry in path.iterdir()]
    if names and not overwrite:
        raise DataError(f"{path}: exists already; name another folder, or replace it (--overwrite)")
    strange = [name for name in names if name != MANIFEST_FILE and not name.endswith(".tfrecord")]
    if strange:
        raise DataError(
            f"{path}: will not be overwritten, because it holds more than records: "
            f"{', '.join(sorted(strange)[:5])}; name another folder"
        )


def restore(path: Path) -> None:
    """Moves an output back that a killed run had moved aside; does nothing otherwise."""
    if path.exists() or not _siblings(path, "old"):
        return
    with locked(path.parent):
        aside = _siblings(path, "old")
        # A converter that was between its two renames may have finished while we waited.
        if aside and not path.exists():
            max(aside, key=lambda folder: folder.stat().st_mtime_ns).rename(path)


def _replace(partial: Path, path: Path, overwrite: bool) -> None:
    # Another converter may have finished since this one started.
    _refuse_to_lose(path, overwrite)
    aside = None
    if path.exists() and any(path.iterdir()):
        if _exchange(partial, path):
            return  # the older output has the temporary name now, and is removed with it
        aside = _sibling(path, "old")
        path.rename(aside)
    try:
        partial.rename(path)
    except BaseException:
        if aside is not None:
            aside.rename(path)
        raise
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Exchanges two folders in one step (Linux, renameat2); returns False where that cannot be."""
    current_folder, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    return rename(current_folder, names[0], current_folder, names[1], exchange) == 0


def _sweep(path: Path) -> None:
    remove_abandoned(_siblings(path, "partial"))
    if path.exists():
        for folder in _siblings(path, "old"):
            shutil.rmtree(folder, ignore_errors=True)


def _sibling(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{kind}-{secrets.token_hex(4)}")


def _siblings(path: Path, kind: str) -> list[Path]:
    return sorted(path.parent.glob(f".{glob.escape(path.name)}.{kind}-" + "[0-9a-f]" * 8))
