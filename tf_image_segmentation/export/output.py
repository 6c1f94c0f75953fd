"""Exported files that appear when all of them are done and checked, and not before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tf_image_segmentation.atomic import place, staging_folder
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.locks import locked


@contextlib.contextmanager
def staged_outputs(folder: Path, names: Sequence[str], overwrite: bool) -> Iterator[Path]:
    """Gives a temporary folder whose entries ``names`` go to ``folder`` when the block ends well.

    When the block raises (KeyboardInterrupt and SystemExit too), nothing of it stays, and what was
    there before is as it was.

    Args:
        folder: made where missing.
        names: files and folders that the block makes.
        overwrite: replace what has those names.

    Raises:
        DataError: something in ``folder`` would be lost, now or when the block ends.
    """
    _refuse_to_lose(folder, names, overwrite)
    existed = folder.is_dir()
    try:
        with staging_folder(folder) as partial:
            yield partial
            with locked(folder):
                # Another export may have finished since this one started.
                _refuse_to_lose(folder, names, overwrite)
                for name in names:
                    place(partial / name, folder / name)
    except BaseException:
        if not existed:
            with contextlib.suppress(OSError):  # another export may have put something there
                folder.rmdir()
        raise


def _refuse_to_lose(folder: Path, names: Sequence[str], overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file; name a folder with --output-dir")
    for path in (folder / name for name in names):
        if not path.exists():
            continue
        if not overwrite:
            raise DataError(f"{path}: exists already; name another folder, or use --overwrite")
        if path.is_dir() and not (path / "saved_model.pb").is_file():
            raise DataError(f"{path}: is a folder and no SavedModel; it will not be overwritten")
