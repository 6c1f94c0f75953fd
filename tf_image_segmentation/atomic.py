"""Temporary folders whose content is renamed into place, and that outlive no crash for long.

A folder is locked by the process that works in it. The system frees the lock when the process dies,
however it dies, so that the next one can tell what was abandoned and remove it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_PREFIX = ".partial-"


@contextlib.contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """Gives a temporary folder inside ``parent``, from which finished entries are renamed away.

    The folder and what is left in it is removed when the block ends, however it ends; what a killed
    process left in ``parent`` is removed first. It lies in ``parent`` because a rename is atomic
    only within one file system.

    Args:
        parent: made where missing.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with locked(parent):
        remove_abandoned(parent.glob(f"{_PREFIX}*"))
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = lock_folder(folder, wait=False)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        unlock(lock)


def remove_abandoned(folders: Iterable[Path]) -> None:
    """Removes those of the folders that no process has locked."""
    for folder in folders:
        lock = lock_folder(folder, wait=False)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            unlock(lock)


def lock_folder(folder: Path, wait: bool) -> int | None:
    """Locks a folder; returns None where another process holds it or locks do not exist."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # its owner has just removed it
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        # Some network file systems cannot lock folders. Nothing is swept there.
        os.close(descriptor)
        return None
    return descriptor


def unlock(descriptor: int | None) -> None:
    """Frees what `lock_folder` returned."""
    if descriptor is not None:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Waits for the lock of a folder and holds it for the block."""
    descriptor = lock_folder(folder, wait=True)
    try:
        yield
    finally:
        unlock(descriptor)
