"""Output folders of records, which appear whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.atomic import locked, place, restore, sync, temporary_sibling
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
    with temporary_sibling(path, Path.mkdir) as partial:
        yield partial
        sync(partial)  # before the lock, because it may take a while
        with locked(path.parent):
            # Another converter may have finished since this one started.
            _refuse_to_lose(path, overwrite)
            place(partial, path)


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
