"""The framing of TFRecord files, read without TensorFlow.

A record is an 8-byte little-endian length, the masked CRC-32C of those 8 bytes, the data, and the
masked CRC-32C of the data (tensorflow/core/lib/io/record_writer.h). TensorFlow reads a file that
ends inside a length field as if it were complete; walking the frames finds that.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.errors import DataError

_HEADER = struct.Struct("<QI")
_FOOTER_BYTES = 4
_GZIP, _ZLIB = b"\x1f\x8b", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


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
