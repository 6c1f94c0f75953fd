"""Reading MATLAB 5 files (.mat) that may be damaged.

A strict reader of its own: on some damaged files that of SciPy ends the whole process. Source:
"MAT-File Format" (MathWorks), chapter 1. An element is a tag of two 32-bit words, type and bytes,
then the data, padded to 8 bytes; up to 4 bytes of data may lie in the tag itself. An array is an
element of elements: flags, sides, name, contents.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from tf_image_segmentation.datasets.decode.decoding import read_bytes
from tf_image_segmentation.errors import DataError

MAX_BYTES = 2**28
"""Most bytes that the variables of one file may decompress to."""

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
_TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _CHAR, _FIRST_NUMERIC, _LAST_NUMERIC = 1, 2, 4, 6, 15
_COMPLEX = 0x0800
_SMALLEST_ELEMENT = 8
# Against files that unpack to far more than they hold.
_MOST_ARRAYS, _DEEPEST, _LONGEST_TEXT = 2**20, 16, 2**20
_Order = Literal["<", ">"]


class _Element(NamedTuple):
    """A data type, and the bytes of the data."""

    data_type: int
    data: memoryview


def load_mat(path: Path, name: str) -> np.ndarray | None:
    """Returns the variable ``name`` of a MATLAB 5 file, or None if there is none.

    As `scipy.io.loadmat` gives it: numbers have the type in which the file stores them, a struct is
    an array with a field of objects for each of its fields, a cell array is an array of objects,
    and a row of characters is a string. Sparse arrays, MATLAB objects and function handles are not
    read: they are None.

    Raises:
        DataError: if the file is missing, truncated, damaged, or no MATLAB 5 file.
    """
    data = read_bytes(path)
    try:
        reader = _Reader(_byte_order(data))
        # All of them, so that a file that was cut short behind the variable is refused, too.
        variables = list(reader.variables(memoryview(data)[_HEADER_BYTES:]))
        named = (variable for variable in variables if reader.name(variable) == name)
        variable = next(named, None)
        return None if variable is None else reader.array(variable)
    # Beside what is looked for: damaged sides, names and text end in errors of NumPy and Python.
    except (ValueError, TypeError, OverflowError, LookupError, MemoryError, zlib.error) as error:
        raise DataError(
            f"{path}: is not a readable MATLAB 5 file ({type(error).__name__}: {error}); "
            "extract it again"
        ) from error


def _byte_order(data: bytes) -> _Order:
    version, mark = data[124:126], data[126:_HEADER_BYTES]
    if mark not in (b"IM", b"MI"):
        raise ValueError("it has no MATLAB 5 header")
    if 2 in version:
        raise ValueError("it is of MATLAB 7.3; save it again with the option -v7")
    return "<" if mark == b"IM" else ">"


class _Reader:
    """Takes arrays out of bytes in one byte order, "<" or ">"."""

    def __init__(self, order: _Order) -> None:
        self._order = order
        self._arrays = 0

    def variables(self, content: memoryview) -> Iterator[memoryview]:
        """Yields the contents of the top arrays, decompressed."""
        room = MAX_BYTES
        for data_type, data in self._elements(content):
            if data_type == _COMPRESSED:
                inner = memoryview(_decompress(data, room))
                room -= len(inner)
                yield self._expect(self._elements(inner), _MATRIX).data
            elif data_type == _MATRIX:
                yield data
            else:
                raise ValueError(f"a variable of data type {data_type}")

    def name(self, matrix: memoryview) -> str:
        """Returns the name of an array, "" if it has none."""
        parts = self._elements(matrix)
        self._expect(parts, 6)
        self._expect(parts, 5)
        return bytes(self._expect(parts, 1).data).decode("latin-1")

    def array(self, matrix: memoryview, depth: int = 0) -> np.ndarray | None:
        """Returns the content of an array as `load_mat` documents it."""
        self._arrays += 1
        if depth > _DEEPEST or self._arrays > _MOST_ARRAYS:
            raise ValueError(f"more than {_MOST_ARRAYS} arrays, or {_DEEPEST} deep in each other")
        if not matrix:  # how MATLAB writes an empty cell
            return np.array([[]])
        parts = self._elements(matrix)
        flags = int(self._numbers(self._expect(parts, 6))[0])
        kind = flags & 0xFF
        if kind not in (_CELL, _STRUCT, _CHAR, *range(_FIRST_NUMERIC, _LAST_NUMERIC + 1)):
            return None
        sides = tuple(self._numbers(self._expect(parts, 5)).tolist())
        if len(sides) < 2 or min(sides) < 0:
            raise ValueError(f"an array of shape {sides}")
        self._expect(parts, 1)  # the name
        if kind == _CELL:
            result = self._objects(parts, math.prod(sides), depth)
        elif kind == _STRUCT:
            result = self._records(parts, math.prod(sides), depth)
        elif kind == _CHAR:
            result, sides = self._strings(self._expect(parts, *_TEXT), sides)
        else:
            result = self._numeric(parts, flags)
        if next(parts, None) is not None:
            raise ValueError("an array with more content than its shape has room for")
        return result.reshape(sides, order="F")

    def _elements(self, content: memoryview) -> Iterator[_Element]:
        """Yields the elements that ``content`` is a whole number of."""
        offset = 0
        while offset < len(content):
            if offset + _SMALLEST_ELEMENT > len(content):
                raise ValueError("the file ends too early")
            first, second = np.frombuffer(content, f"{self._order}u4", 2, offset).tolist()
            data_type, num_bytes, start = first & 0xFFFF, first >> 16, offset + 4
            if num_bytes > 4:
                raise ValueError(f"{num_bytes} bytes of data in a tag of 8")
            if num_bytes == 0:
                data_type, num_bytes, start = first, second, offset + 8
            if start + num_bytes > len(content):
                raise ValueError("the file ends too early")
            yield _Element(data_type, content[start : start + num_bytes])
            padding = 0 if data_type == _COMPRESSED else -(start + num_bytes) % 8
            offset = start + num_bytes + padding

    def _expect(self, parts: Iterator[_Element], *data_types: int) -> _Element:
        part = next(parts, None)
        if part is None:
            raise ValueError("an array that ends too early")
        if part.data_type not in data_types:
            raise ValueError(f"data type {part.data_type} where {data_types} is due")
        return part

    def _numbers(self, part: _Element) -> np.ndarray:
        stored = np.dtype(_NUMBERS[part.data_type])
        values = np.frombuffer(part.data, stored.newbyteorder(self._order))
        return values.astype(stored)  # a copy, in the byte order of the machine

    def _numeric(self, parts: Iterator[_Element], flags: int) -> np.ndarray:
        values = self._numbers(self._expect(parts, *_NUMBERS))
        if flags & _COMPLEX:
            return values + 1j * self._numbers(self._expect(parts, *_NUMBERS))
        return values

    def _strings(
        self, part: _Element, sides: tuple[int, ...]
    ) -> tuple[np.ndarray, tuple[int, ...]]:
        """Returns the rows of an array of characters, and its shape without the last side."""
        if not part.data:
            return np.array([], "U1"), (0,)
        if len(part.data) > _LONGEST_TEXT:
            raise ValueError(f"a text of more than {_LONGEST_TEXT} bytes")
        encoding = _TEXT[part.data_type]
        if encoding in ("utf-16", "utf-32"):
            encoding += "-le" if self._order == "<" else "-be"
        characters = np.array(list(bytes(part.data).decode(encoding)), "U1")
        rows = characters.reshape(math.prod(sides[:-1]), sides[-1], order="F")
        return np.array(["".join(row) for row in rows]), sides[:-1]

    def _objects(self, parts: Iterator[_Element], count: int, depth: int) -> np.ndarray:
        # Read before the result is made: a damaged count can say more than there is memory for.
        values = [self.array(self._expect(parts, _MATRIX).data, depth + 1) for _ in range(count)]
        result = np.empty(count, object)
        for number, value in enumerate(values):  # NumPy would join arrays of equal shapes
            result[number] = value
        return result

    def _records(self, parts: Iterator[_Element], count: int, depth: int) -> np.ndarray:
        (length,) = self._numbers(self._expect(parts, 5)).tolist()
        stored = bytes(self._expect(parts, 1).data)
        if length <= 0 or not stored or len(stored) % length:
            raise ValueError("a struct whose field names cannot be told apart")
        texts = [stored[start : start + length] for start in range(0, len(stored), length)]
        names = [text.split(b"\0")[0].decode("latin-1") for text in texts]
        values = self._objects(parts, count * len(names), depth).reshape(count, len(names))
        result = np.empty(count, [(name, object) for name in names])
        for name, column in zip(names, values.T, strict=True):
            result[name] = column
        return result


def _decompress(data: memoryview, most: int) -> bytes:
    stream = zlib.decompressobj()
    content = stream.decompress(data, max(most, 1))  # 0 would mean: without limit
    if not stream.eof or len(content) > most:
        raise ValueError(f"compressed data is cut short, or larger than {MAX_BYTES} bytes in all")
    return content
