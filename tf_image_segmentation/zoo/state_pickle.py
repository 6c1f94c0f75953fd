"""Reads the pickle inside a PyTorch file without executing it.

A pickle is a program for a small stack machine, and unpickling runs whatever functions it names.
Here, the machine knows only what a state dictionary is made of: containers, texts, numbers, and
tensors, which become descriptions. Any other instruction or name is refused.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tf_image_segmentation.errors import DataError

STORAGES: Mapping[str, str] = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
"""Types of NumPy by PyTorch's names."""

MAX_INSTRUCTIONS = 10**6
"""More than a state dictionary of 20,000 tensors takes."""


class Name(NamedTuple):
    """Something that the pickle names in a module: a function or a class."""

    text: str


class Storage(NamedTuple):
    """Where numbers lie that one or several tensors show.

    Attributes:
        dtype: of NumPy.
        key: name of the storage in the file.
        length: number of elements.
    """

    dtype: str
    key: str
    length: int


class Tensor(NamedTuple):
    """A view of a storage; offset and strides count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_pickle(stream: BinaryIO) -> tuple[Any, dict[str, Storage]]:
    """Reads one pickle and leaves the stream behind it.

    Args:
        stream: what holds it; all of it may be read into memory.

    Returns:
        The value, in which tensors are `Tensor`, and all storages by key.

    Raises:
        DataError: it is damaged, or holds anything that a state dictionary has not; the message
            does not name the file.
    """
    machine = _Machine()
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
            if count > MAX_INSTRUCTIONS:
                raise DataError(f"it holds more than {MAX_INSTRUCTIONS} instructions")
            machine.run(instruction.name, argument)
        return machine.pop(), machine.storages
    except DataError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(f"it is damaged ({str(error)[:100]})") from error


_CALLED = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
}
_NAMES = _CALLED | {f"torch {name}" for name in STORAGES}
_ARGUMENT_ITSELF = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINSTRING", "BINSTRING"),
}
_CONSTANTS: Mapping[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NEW: Mapping[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """The stack machine; its instructions are methods, as far as they are not in a table."""

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self, name: str, argument: Any) -> None:
        if name in _ARGUMENT_ITSELF:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _NEW:
            self._stack.append(_NEW[name]())
        elif name in _TUPLES:
            self._stack.append(tuple(self._last(_TUPLES[name])))
        else:
            if name not in _INSTRUCTIONS:
                raise DataError(f"it holds the instruction {name}")
            getattr(self, f"_{name.lower()}")(argument)

    def pop(self) -> Any:
        return self._stack.pop()

    def _last(self, count: int) -> list[Any]:
        """Takes the last values off the stack."""
        start = len(self._stack) - count
        if start < 0:
            raise IndexError("too few values")
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def _since_mark(self) -> list[Any]:
        return self._last(len(self._stack) - self._marks.pop())

    def _proto(self, version: int) -> None:
        """Says which instructions may follow, each of which is looked at anyway."""

    def _stop(self, _: None) -> None:
        """Ends the pickle."""

    def _mark(self, _: None) -> None:
        self._marks.append(len(self._stack))

    def _tuple(self, _: None) -> None:
        self._stack.append(tuple(self._since_mark()))

    def _append(self, _: None) -> None:
        value = self.pop()
        self._stack[-1].append(value)

    def _appends(self, _: None) -> None:
        values = self._since_mark()
        self._stack[-1].extend(values)

    def _setitem(self, _: None) -> None:
        key, value = self._last(2)
        _set(self._stack[-1], key, value)

    def _setitems(self, _: None) -> None:
        values = self._since_mark()
        for key, value in zip(values[::2], values[1::2], strict=True):
            _set(self._stack[-1], key, value)

    def _binput(self, number: int) -> None:
        self._memo[number] = self._stack[-1]

    def _binget(self, number: int) -> None:
        self._stack.append(self._memo[number])

    _long_binput, _long_binget = _binput, _binget

    def _global(self, name: str) -> None:
        if name not in _NAMES:
            raise DataError(f"it names {name.replace(' ', '.')[:80]!r}")
        self._stack.append(Name(name))

    def _binpersid(self, _: None) -> None:
        """Replaces what describes a storage: "storage", type, key, device, length, and a view."""
        kind, name, key, _, length, *view = self.pop()
        if kind != "storage" or not isinstance(name, Name) or name.text in _CALLED or any(view):
            raise DataError("it holds a storage of an unknown form")
        storage = Storage(STORAGES[name.text.split()[1]], key, length)
        if not isinstance(key, str) or not _are_counts(length):
            raise TypeError("a storage without a name or a length")
        if self.storages.setdefault(key, storage) != storage:
            raise ValueError(f"storage {key} is described in two ways")
        self._stack.append(storage)

    def _reduce(self, _: None) -> None:
        """Does what one of the known functions would do with its arguments."""
        function, arguments = self._last(2)
        if not isinstance(function, Name) or function.text not in _CALLED:
            raise DataError("it calls what is no function of a state dictionary")
        if function.text == "collections OrderedDict":
            self._stack.append(_ordered(*arguments))
        elif function.text == "torch._utils _rebuild_parameter":
            self._stack.append(arguments[0])
        else:
            self._stack.append(_tensor(*arguments[:4]))

    def _build(self, _: None) -> None:
        """Drops the attributes of a dictionary, which hold the versions of PyTorch's layers."""
        self.pop()
        if not isinstance(self._stack[-1], dict):
            raise DataError("it sets attributes of what is no dictionary")


_INSTRUCTIONS = {
    *("PROTO", "STOP", "MARK", "TUPLE", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "BINPUT"),
    *("BINGET", "LONG_BINPUT", "LONG_BINGET", "GLOBAL", "BINPERSID", "REDUCE", "BUILD"),
}


def _set(table: Any, key: Any, value: Any) -> None:
    # The hash of nested tuples, which share their parts, can take forever.
    if not isinstance(table, dict) or not isinstance(key, str):
        raise DataError("it has a dictionary whose keys are not texts")
    table[key] = value


def _ordered(pairs: Any = ()) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        _set(table, key, value)
    return table


def _are_counts(*values: Any) -> bool:
    return all(type(value) is int and 0 <= value < 2**63 for value in values)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    """Returns the tensor if it lies inside its storage."""
    if not isinstance(storage, Storage) or not _are_counts(offset, *shape, *strides):
        raise TypeError("a tensor of an unknown form")
    if len(shape) != len(strides) or len(shape) > 8 or 0 in shape:
        raise DataError(f"it holds a tensor of {len(shape)} dimensions and {len(strides)} strides")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if last >= storage.length:
        raise ValueError("a tensor reaches beyond its storage")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def num_bytes(tensor: Tensor) -> int:
    """Returns how much memory a copy of a tensor takes."""
    return np.dtype(tensor.storage.dtype).itemsize * math.prod(tensor.shape)
