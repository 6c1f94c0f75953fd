"""Reading MATLAB 5 files (.mat) that may be damaged."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import scipy.io  # type: ignore[import-untyped]

from tf_image_segmentation.datasets.decoding import read_bytes
from tf_image_segmentation.errors import DataError

MAX_BYTES = 2**28
"""Largest variable that is decompressed, in bytes."""

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_DATA_TYPES = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 12, 13, _MATRIX, _COMPRESSED, 16, 17, 18})


def load_mat(path: Path, name: str) -> Any:
    """Returns the variable ``name`` of a MATLAB 5 file as `scipy.io.loadmat` gives it, or None.

    Raises:
        DataError: if the file is missing, truncated, damaged, or no MATLAB 5 file.
    """
    data = read_bytes(path)
    try:
        # scipy looks data types up in a table without a bounds check, and a damaged type takes
        # the whole process down: no `except` would see it.
        _check_elements(memoryview(data)[_HEADER_BYTES:], _byte_order(data))
        return scipy.io.loadmat(io.BytesIO(data), variable_names=[name]).get(name)
    # The reader documents no exceptions; damaged files end in a dozen different ones.
    except Exception as error:
        raise DataError(
            f"{path}: is not a readable MATLAB 5 file ({type(error).__name__}: {error}); "
            "extract it again"
        ) from error


def _byte_order(data: bytes) -> Any:
    mark = data[126:_HEADER_BYTES]
    if mark not in (b"IM", b"MI"):
        raise ValueError("it has no MATLAB 5 header")
    return "little" if mark == b"IM" else "big"


def _check_elements(content: memoryview, byte_order: Any) -> None:
    """Raises `ValueError` unless ``content`` is a whole number of elements of known types.

    Source: "MAT-File Format" (MathWorks), chapter 1, "Data Element Format": a tag of two 32-bit
    words, type and bytes, then the data, padded to 8 bytes; up to 4 bytes of data lie in the tag.
    """
    offset = 0
    while offset < len(content):
        word = int.from_bytes(content[offset : offset + 4], byte_order)
        data_type, num_bytes, start = word & 0xFFFF, word >> 16, offset + 4
        if num_bytes == 0:
            data_type, start = word, offset + 8
            num_bytes = int.from_bytes(content[offset + 4 : start], byte_order)
        if data_type not in _DATA_TYPES:
            raise ValueError(f"unknown data type {data_type}")
        if start + num_bytes > len(content):
            raise ValueError("the file ends too early")
        data = content[start : start + num_bytes]
        if data_type == _MATRIX:
            _check_elements(data, byte_order)
        elif data_type == _COMPRESSED:
            _check_elements(memoryview(_decompress(data)), byte_order)
        padding = 0 if data_type == _COMPRESSED else -(start + num_bytes) % 8
        offset = start + num_bytes + padding


def _decompress(data: memoryview) -> bytes:
    stream = zlib.decompressobj()
    content = stream.decompress(data, MAX_BYTES)
    if not stream.eof:
        raise ValueError(f"compressed data is cut short, or larger than {MAX_BYTES} bytes")
    return content
