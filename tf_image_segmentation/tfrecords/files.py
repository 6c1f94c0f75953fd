"""Record files: their framing, which of them a path names, whether they are whole, where they go.

A record is an 8-byte little-endian length, the masked CRC-32C of those 8 bytes, the data, and the
masked CRC-32C of the data (tensorflow/core/lib/io/record_writer.h). TensorFlow reads a file that
ends inside a length field as if it were complete; walking the frames finds that. Nothing here loads
TensorFlow.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tf_image_segmentation.atomic import locked, place, restore, sync, temporary_sibling
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose
from tf_image_segmentation.tfrecords.manifest import MANIFEST_FILE, Manifest, Shard

_HEADER = struct.Struct("<QI")
_FOOTER_BYTES = 4
_GZIP, _ZLIB = b"\x1f\x8b", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
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


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _crc_table()


def masked_crc32c(data: bytes) -> int:
    """Returns the CRC-32C of ``data``, masked as TFRecord files store it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def frames(path: Path) -> Iterator[tuple[int, int]]:
    """Yields offset and length in bytes of the data of each record, seeking past the data.

    Raises:
        DataError: the file is empty, compressed, no TFRecord file, or ends inside a record.
    """
    size = path.stat().st_size
    if size == 0:
        raise DataError(f"{path}: empty file, no records; write or download it again")
    with path.open("rb") as file:
        position = number = 0
        while position < size:
            file.seek(position)
            length = _data_length(path, number, file.read(_HEADER.size))
            start, position = position + _HEADER.size, position + _HEADER.size + length
            position += _FOOTER_BYTES
            if position > size:
                raise _truncated(path, number)
            yield start, length
            number += 1


def _data_length(path: Path, number: int, header: bytes) -> int:
    if len(header) == _HEADER.size:
        length, crc = _HEADER.unpack(header)
        if masked_crc32c(header[:8]) == crc:
            return length
    if number == 0 and (header[:2] == _GZIP or header[:2] in _ZLIB):
        raise DataError(f"{path}: compressed; decompress it first (for gzip: gunzip)")
    if len(header) < _HEADER.size:
        raise _truncated(path, number)
    if number == 0:
        raise DataError(f"{path}: not a TFRecord file; check the path")
    raise DataError(
        f"{path}: record {number}: damaged header (wrong checksum); convert or download it again"
    )


def _truncated(path: Path, number: int) -> DataError:
    return DataError(
        f"{path}: truncated, the file ends inside record {number}; convert or download it again"
    )


def count_records(path: Path) -> int:
    """Returns the number of records; raises `DataError` as `frames` does."""
    return sum(1 for _ in frames(path))


def first_record(path: Path) -> bytes:
    """Returns the data of the first record; raises `DataError` as `frames` does."""
    start, length = next(frames(path))
    with path.open("rb") as file:
        file.seek(start)
        return file.read(length)


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
