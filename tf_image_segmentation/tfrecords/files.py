"""Record files: which of them a path names, whether they are whole, and what they hold.

A record is an 8-byte little-endian length, the masked CRC-32C of those 8 bytes, the data, and the
masked CRC-32C of the data (tensorflow/core/lib/io/record_writer.h). TensorFlow reads a file that
ends inside a length field as if it were complete; walking the frames finds that.
"""

from __future__ import annotations

import fnmatch
import glob
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_image_segmentation.atomic import restore
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose
from tf_image_segmentation.tfrecords.manifest import MANIFEST_FILE, Manifest, Shard
from tf_image_segmentation.tfrecords.schema import Example

_HEADER = struct.Struct("<QI")
_FOOTER_BYTES = 4
_GZIP, _ZLIB = b"\x1f\x8b", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_SHARD_NAME = re.compile(r"(.*)-\d{5}-of-(\d{5})(.*)", re.DOTALL)

READ_ERRORS = (
    tf.errors.DataLossError,
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    UnicodeDecodeError,  # of a message of TensorFlow's that quotes a damaged record
)
"""What reading and decoding a damaged record ends in."""


@dataclass(frozen=True)
class RecordFile:
    """A record file, its number of examples, and its SHA-256 where a manifest lists it."""

    path: Path
    examples: int
    sha256: str | None = None

    def read(
        self, parse: Callable[[tf.Tensor, tf.Tensor], Example], first: int = 0, step: int = 1
    ) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
        """Yields image, mask and image id of every ``step``-th example from ``first`` on.

        Args:
            parse: decodes an element of `read_shard`.
            first: number of the first example.
            step: 1 reads all that follow.

        Raises:
            DataError: a record is damaged or missing; the message has the file and the record.
        """
        # TensorFlow takes as much memory as a record says that it needs, and where there is too
        # little it ends the process.
        count_records(self.path)
        examples = read_shard(str(self.path)).shard(step, first)
        decoded = examples.map(parse, num_parallel_calls=2).prefetch(2)
        number = first
        try:
            for image, mask, image_id in decoded.as_numpy_iterator():
                yield image, mask, _image_id_text(self.path, number, image_id)
                number += step
        except READ_ERRORS as error:
            raise DataError(
                f"{self.path}: record {number}: {_plain_message(error)}; convert or copy the file "
                "again"
            ) from error
        if number != first + -(-max(0, self.examples - first) // step) * step:
            found = f"{number} records" if step == 1 else "another number of records"
            raise DataError(
                f"{self.path}: {found} instead of {self.examples}; convert or copy it again"
            )


def read_shard(file: tf.Tensor | str) -> tf.data.Dataset:
    """Returns ``(serialized, record_name)`` of one file; the name is ``<file name>#<number>``."""
    file_name = tf.strings.regex_replace(file, ".*/", "")

    def name(number: tf.Tensor, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        digits = tf.strings.as_string(number, width=6, fill="0")
        return serialized, tf.strings.join([file_name, digits], separator="#")

    return tf.data.TFRecordDataset(file).enumerate().map(name)


def _image_id_text(file: Path, number: int, image_id: bytes) -> str:
    """Returns the image id of record ``number``, or raises a `DataError` if it is no text."""
    try:
        return image_id.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}: record {number}: the name {image_id!r} is not UTF-8; convert again"
        ) from error


def _plain_message(error: Exception) -> str:
    """Returns TensorFlow's message without the names of graph nodes."""
    if isinstance(error, UnicodeDecodeError):
        return "damaged, it cannot be parsed"
    message = re.sub(r"\{\{.*?\}\}", "", getattr(error, "message", str(error)))
    message = message.split("\n\t [[")[0].split("[Op:")[0]
    return " ".join(message.split())


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
    if not path.is_dir():
        return _by_name([path] if path.is_file() else _matches(path))
    manifest = Manifest.read(path)
    if split is None:
        return _listed(path, manifest.shards), manifest
    return _listed(path, choose(f"split (of {path})", split, manifest.splits).shards), manifest


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
    listed = {
        folder / shard.file: shard
        for folder, manifest in manifests.items()
        for shard in manifest.shards
    }
    files = []
    for path in paths:
        if path in listed:
            files += _listed(path.parent, [listed[path]])
        else:
            files.append(RecordFile(path, count_records(path)))
    all_listed = all(file.sha256 is not None for file in files)
    return files, next(iter(manifests.values())) if all_listed and len(manifests) == 1 else None


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
    start, count, end = match.groups()
    return [shard_name(start, number, int(count), end) for number in range(int(count))]


def shard_name(split: str, number: int, count: int, end: str = ".tfrecord") -> str:
    """Returns the name of the file that holds shard ``number`` of ``count``."""
    return f"{split}-{number:05d}-of-{count:05d}{end}"


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
