"""Files and folders that appear whole or not at all.

Work goes to a temporary file or folder beside its place, is flushed to disk and renamed. The
process that works in a temporary file or folder locks it (`locks`), so that the next one can tell
what was abandoned and remove it.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tf_image_segmentation.locks import check_locks_exist, lock_or_none, locked, unlock

_MOST_FLUSHED_ALONE = 200


def write_text(path: Path, text: str, errors: str = "strict") -> None:
    """Replaces a text file (UTF-8); a kill or a power loss leaves the old content or the new.

    Args:
        path: the file.
        text: its content.
        errors: what happens with what UTF-8 cannot hold, as for `str.encode`.

    Raises:
        OSError: the disk fails; an older file stays as it was.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors=errors)


def write_json(path: Path, fields: Mapping[str, Any]) -> None:
    """Replaces a JSON file, as `write_text` does."""
    write_text(path, json.dumps(fields, indent=2) + "\n")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary file, which replaces ``path`` if the block ends well."""
    with temporary_sibling(path, Path.touch) as temporary:
        yield temporary
        place(temporary, path)


def place(source: Path, target: Path) -> None:
    """Renames a finished file or folder, whose content reaches the disk before its name does.

    Where ``target`` is a folder that is not empty, the two are exchanged, so that the older one is
    at ``source`` afterwards and goes with the temporary folder. Where the system cannot exchange
    them in one step, the older one is moved aside to ``.<name>.old-XXXXXXXX`` first, and a run
    killed between the two renames can be undone (`restore`).

    Args:
        source: a file, or a folder with all that it holds, in the file system of ``target``.
        target: its final name.
    """
    sync(source)
    if target.is_dir() and any(target.iterdir()):
        if not _exchange(source, target):
            _replace_folder(source, target)
    else:
        source.replace(target)
    _sync_one(target.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Exchanges two folders in one step (Linux, renameat2); returns False where that cannot be."""
    current_folder, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    return rename(current_folder, names[0], current_folder, names[1], exchange) == 0


def _replace_folder(source: Path, target: Path) -> None:
    aside = target.with_name(f".{target.name}.old-{secrets.token_hex(4)}")
    target.rename(aside)
    try:
        source.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    for old in _temporaries(target.parent, f".{target.name}.old-"):
        shutil.rmtree(old, ignore_errors=True)


def restore(path: Path) -> None:
    """Moves a folder back that a killed run had moved aside; does nothing otherwise."""
    if path.exists() or not _temporaries(path.parent, f".{path.name}.old-"):
        return
    with locked(path.parent):
        aside = _temporaries(path.parent, f".{path.name}.old-")
        # A process that was between its two renames may have finished while we waited.
        if aside and not path.exists():
            max(aside, key=lambda folder: folder.stat().st_mtime_ns).rename(path)


def sync(path: Path) -> None:
    """Flushes a file, or a folder with all that it holds, to disk."""
    paths = [path, *path.rglob("*")] if path.is_dir() else [path]
    if len(paths) > _MOST_FLUSHED_ALONE:
        os.sync()  # a pass over the whole system takes less than some ms for each file
        return
    for each in paths:
        if (each.is_file() or each.is_dir()) and not each.is_symlink():
            _sync_one(each)


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        if not path.is_dir():  # some network file systems cannot flush folders
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """Gives a temporary folder inside ``parent``, from which finished entries are placed.

    The folder and what is left in it is removed when the block ends, however it ends; what a killed
    process left in ``parent`` is removed first. It lies in ``parent`` because a rename is atomic
    only within one file system.

    Args:
        parent: made where missing.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with _temporary(parent, ".partial-", Path.mkdir) as folder:
        yield folder


@contextlib.contextmanager
def temporary_sibling(path: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """Gives a temporary ``.<name>.partial-XXXXXXXX`` beside ``path``, removed when the block ends.

    Args:
        path: the final name.
        make: makes the temporary one: `Path.touch` or `Path.mkdir`.
    """
    with _temporary(path.parent, f".{path.name}.partial-", make) as temporary:
        yield temporary


@contextlib.contextmanager
def _temporary(parent: Path, prefix: str, make: Callable[[Path], None]) -> Iterator[Path]:
    check_locks_exist()
    for old in _temporaries(parent, prefix):
        _remove_if_abandoned(old)
    path, lock = _make(parent, prefix, make)
    try:
        yield path
    finally:
        _remove(path)  # after a rename there is nothing at this name any more
        unlock(lock)


def _make(parent: Path, prefix: str, make: Callable[[Path], None]) -> tuple[Path, int | None]:
    while True:
        path = parent / f"{prefix}{secrets.token_hex(4)}"
        make(path)
        lock = lock_or_none(path, wait=True)
        if path.exists():
            return path, lock
        unlock(lock)  # another process took it for abandoned before it was locked


def _temporaries(parent: Path, prefix: str) -> list[Path]:
    return sorted(parent.glob(glob.escape(prefix) + "[0-9a-f]" * 8))


def _remove_if_abandoned(path: Path) -> None:
    lock = lock_or_none(path)
    if lock is not None:
        _remove(path)
        unlock(lock)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
