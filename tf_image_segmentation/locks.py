"""Locks of files and folders.

The system frees a lock when the process that holds it dies, however it dies.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.errors import DataError

try:
    import fcntl
except ImportError:  # Windows; `check_locks_exist` says so
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Waits for the lock of a folder and holds it for the block, which should be short."""
    lock = lock_or_none(folder, wait=True)
    try:
        yield
    finally:
        unlock(lock)


class FolderLock:
    """Holds a folder for this process until `close`, or until the process ends.

    Who holds it stands in ``.lock`` in the folder. A file system without locks is used unlocked.

    Args:
        folder: an existing folder.
        way_out: what the user can do if another process holds it, for the message.

    Raises:
        DataError: another process holds it; the message says which.
    """

    def __init__(self, folder: Path, way_out: str) -> None:
        check_locks_exist()
        file = folder / ".lock"
        self._descriptor: int | None
        self._descriptor = descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor, wait=False)
        except BlockingIOError as error:
            self.close()
            holder = file.read_text(encoding="utf-8", errors="replace").strip()
            raise DataError(
                f"{folder}: {holder or 'another process'} is writing to this folder; {way_out}"
            ) from error
        except OSError:
            pass  # this file system has no locks
        program = Path(sys.argv[0]).name or "python"
        os.ftruncate(descriptor, 0)
        holder = f"process {os.getpid()} on {socket.gethostname()} ({program})\n"
        os.write(descriptor, holder.encode("utf-8", "replace"))

    def close(self) -> None:
        """Lets another process have the folder."""
        unlock(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lock_or_none(path: Path, wait: bool = False) -> int | None:
    """Locks a file or folder for this process until `unlock`.

    Args:
        path: the file or folder.
        wait: whether another process is waited for.

    Returns:
        What `unlock` takes. None where another process has the lock, ``path`` is gone, or this file
        system has no locks.
    """
    check_locks_exist()
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # its owner has just removed it
        return None
    try:
        _lock(descriptor, wait)
    except OSError:
        # Some network file systems cannot lock folders. Nothing is swept there.
        os.close(descriptor)
        return None
    return descriptor


def _lock(descriptor: int, wait: bool) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def check_locks_exist() -> None:
    """Raises a `DataError` where the system has no file locks."""
    if fcntl is None:
        raise DataError(
            "this system has no file locks, which keep two processes out of one folder; use Linux, "
            "macOS, or WSL on Windows"
        )


def unlock(descriptor: int | None) -> None:
    """Lets another process have what `lock_or_none` returned."""
    if descriptor is not None:
        os.close(descriptor)
