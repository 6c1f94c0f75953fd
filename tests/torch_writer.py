"""Writes files as ``torch.save`` does, with Python's own pickler and stand-ins for PyTorch."""

from __future__ import annotations

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from contextlib import contextmanager
from unittest import mock

import numpy as np

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {
    "protocol_version": VERSION,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}
TYPES = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}


class Tensor:
    """A view of a storage."""

    def __init__(self, storage: np.ndarray, offset: int, shape: tuple, strides: tuple):
        self.storage, self.view = storage, (offset, shape, strides)

    @classmethod
    def of(cls, array: np.ndarray):
        strides = tuple(step // array.itemsize for step in array.strides)
        return cls(array.ravel(order="K"), 0, array.shape, strides)

    def __reduce_ex__(self, protocol):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (_Storage(self.storage), *self.view, False, OrderedDict())


class _Storage:
    def __init__(self, array: np.ndarray):
        self.array = array


class _Pickler(pickle.Pickler):
    def __init__(self, file, legacy: bool):
        super().__init__(file, protocol=2)
        self.legacy, self.arrays = legacy, {}

    def persistent_id(self, found):
        if not isinstance(found, _Storage):
            return None
        key = str(id(found.array)) if self.legacy else str(len(self.arrays))
        key = next((k for k, a in self.arrays.items() if a is found.array), key)
        self.arrays[key] = found.array
        kind = getattr(sys.modules["torch"], TYPES[found.array.dtype.name])
        view = (None,) if self.legacy else ()
        return ("storage", kind, key, "cpu", found.array.size, *view)


@contextmanager
def _torch():
    """Modules by the names that the pickle has."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in TYPES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    name = "_rebuild_tensor_v2"
    setattr(utils, name, type(name, (), {"__module__": "torch._utils"}))
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        yield


def state_dict(arrays):
    """An ``OrderedDict`` with the attribute ``_metadata``, as modules give it."""
    state = OrderedDict((name, Tensor.of(np.asarray(array))) for name, array in arrays.items())
    state._metadata = OrderedDict([("", {"version": 1})])
    return state


def stream(value, little_endian=True) -> bytes:
    """The format before PyTorch 1.6."""
    file = io.BytesIO()
    for part in (MAGIC, VERSION, {**SYSTEM, "little_endian": little_endian}):
        pickle.dump(part, file, protocol=2)
    with _torch():
        pickler = _Pickler(file, legacy=True)
        pickler.dump(value)
    pickle.dump(sorted(pickler.arrays), file, protocol=2)
    for key in sorted(pickler.arrays):
        array = pickler.arrays[key]
        file.write(array.size.to_bytes(8, "little") + array.tobytes())
    return file.getvalue()


def zipped(value, changes=(), compression=zipfile.ZIP_STORED) -> bytes:
    """The format since PyTorch 1.6; ``changes`` replaces files by name, None takes one out."""
    pickled, file = io.BytesIO(), io.BytesIO()
    with _torch():
        pickler = _Pickler(pickled, legacy=False)
        pickler.dump(value)
    files = {"data.pkl": pickled.getvalue(), "byteorder": b"little", "version": b"3\n"}
    files |= {f"data/{key}": array.tobytes() for key, array in pickler.arrays.items()}
    files |= dict(changes)
    with zipfile.ZipFile(file, "w", compression) as archive:
        for member, content in files.items():
            if content is not None:
                archive.writestr(f"archive/{member}", content)
    return file.getvalue()
