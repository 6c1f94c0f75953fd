"""Finds record files by folder, file name or pattern, and checks cheaply that they are whole."""

from __future__ import annotations

import fnmatch
import glob
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tf_image_segmentation.atomic import restore
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose
from tf_image_segmentation.tfrecords.framing import count_records
from tf_image_segmentation.tfrecords.manifest import MANIFEST_FILE, Manifest, Shard

_SHARD_NAME = re.compile(
    r"(?P<start>.*-)(?P<number>\d{5})-of-(?P<count>\d{5})(?P<end>.*)", re.DOTALL
)


@dataclass(frozen=True)
class RecordFile:
    """A record file, its number of examples, and its SHA-256 where a manifest lists it."""

    path: Path
    examples: int
    sha256: str | None = None


def find_files(path: Path, split: str | None) -> tuple[list[RecordFile], Manifest | None]:
    """Finds the record files that ``path`` names.

    Args:
        path: a folder with a manifest, one record file, or a glob pattern.
        split: for a folder, one of its splits; None takes all of them. Files and patterns name
            their records themselves, so that it is not used for them.

    Returns:
        The files in order, and the manifest if it lists all of them. Files that no manifest lists
        are walked through to count their records.

    Raises:
        DataError: nothing is found, or a file is missing, has a wrong size, is truncated, empty,
            compressed or no record file at all.
    """
    restore(path)
    if path.is_dir():
        return _in_folder(path, split)
    if path.is_file():
        return _by_name([path])
    return _by_name(_matches(path))


def _in_folder(folder: Path, split: str | None) -> tuple[list[RecordFile], Manifest]:
    manifest = Manifest.read(folder)
    names = manifest.splits if split is None else [split]
    shards: list[Shard] = []
    for name in names:
        shards += choose(f"split (of {folder})", name, manifest.splits).shards
    return _listed(folder, shards), manifest


def _listed(folder: Path, shards: Iterable[Shard]) -> list[RecordFile]:
    """Compares shards with what the manifest says of them; one error names all that differ."""
    faults, files = [], []
    for shard in shards:
        path = folder / shard.file
        if not path.is_file():
            faults.append(f"{path}: missing")
        elif path.stat().st_size != shard.bytes:
            faults.append(f"{path}: {path.stat().st_size} bytes, the manifest says {shard.bytes}")
        files.append(RecordFile(path, shard.examples, shard.sha256))
    if faults:
        lines = "\n  ".join(faults)
        raise DataError(
            f"{folder}: record files are missing or truncated; convert or copy them again:"
            f"\n  {lines}"
        )
    return files


def _by_name(paths: list[Path]) -> tuple[list[RecordFile], Manifest | None]:
    manifests = {
        folder: Manifest.read(folder)
        for folder in dict.fromkeys(path.parent for path in paths)
        if (folder / MANIFEST_FILE).is_file()
    }
    files = []
    for path in paths:
        shards = _shards_by_name(manifests.get(path.parent))
        if path.name in shards:
            files += _listed(path.parent, [shards[path.name]])
        else:
            files.append(RecordFile(path, count_records(path)))
    all_listed = all(file.sha256 is not None for file in files)
    return files, next(iter(manifests.values())) if all_listed and len(manifests) == 1 else None


def _shards_by_name(manifest: Manifest | None) -> dict[str, Shard]:
    splits = manifest.splits.values() if manifest is not None else ()
    return {shard.file: shard for split in splits for shard in split.shards}


def _matches(pattern: Path) -> list[Path]:
    if not glob.has_magic(str(pattern)):
        raise DataError(f"{pattern}: no such file or folder; check the path")
    # Path.glob refuses absolute patterns.
    names = sorted(glob.glob(str(pattern)))  # noqa: PTH207
    paths = [Path(name) for name in names if Path(name).is_file()]
    if not paths:
        raise DataError(
            f"{pattern}: no file matches this pattern; check it, and quote it in a shell"
        )
    found = set(paths)
    missing = {
        str(path.with_name(name))
        for path in paths
        for name in _siblings(path.name)
        if path.with_name(name) not in found and fnmatch.fnmatchcase(name, pattern.name)
    }
    if missing:
        raise DataError(f"{pattern}: missing shards: {', '.join(sorted(missing))}; copy them again")
    return paths


def _siblings(name: str) -> list[str]:
    """Returns the names of all shards of the set that a shard called ``name`` belongs to."""
    match = _SHARD_NAME.fullmatch(name)
    if match is None:
        return []
    count = match["count"]
    return [f"{match['start']}{n:05d}-of-{count}{match['end']}" for n in range(int(count))]
