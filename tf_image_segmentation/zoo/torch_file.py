"""Reads the tensors of a PyTorch file (``.pth``, ``.pt``), of which nothing is executed.

Both formats are read: the zip of PyTorch 1.6 and later (``data.pkl`` and a file for each storage),
and the stream of earlier versions (five pickles and the storages, one after the other).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.zoo.state_pickle import Storage, Tensor, num_bytes, read_pickle

MAX_BYTES = 2 * 10**9
"""Size of the largest file that is read."""

_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of a stream
_VERSION = 1001
_ZIP = b"PK\x03\x04"
_State = tuple[Mapping[str, Tensor], Mapping[str, bytes]]  # tensors, and storages by key


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a state dictionary by name.

    Args:
        path: what ``torch.save(model.state_dict(), path)`` wrote.

    Raises:
        DataError: it cannot be read, is damaged, or holds anything but a dictionary of tensors.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"it is larger than {MAX_BYTES} bytes")
        # In memory, where reading more than there is takes no room.
        file = io.BytesIO(path.read_bytes())
        is_zip = file.getvalue().startswith(_ZIP)
        tensors, data = _read_zip(file, size) if is_zip else _read_stream(file, size)
        # Views that repeat elements can be larger than what they show.
        if sum(map(num_bytes, tensors.values())) > size:
            raise DataError("its tensors are larger than the file")
        return {name: _array(tensor, data) for name, tensor in tensors.items()}
    except DataError as error:
        raise DataError(
            f"{path}: is not read as a PyTorch file, because {error}; nothing of it was executed; "
            "only a state dictionary of tensors is understood"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _read_stream(file: io.BytesIO, size: int) -> _State:
    """Reads the format before PyTorch 1.6."""
    try:
        known = read_pickle(file)[0] == _MAGIC and read_pickle(file)[0] == _VERSION
    except DataError as error:
        raise DataError("it does not begin as one") from error
    if not known:
        raise DataError("it does not begin as one")
    system, _ = read_pickle(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise DataError("its numbers are not little-endian")
    state, storages = read_pickle(file)
    keys, _ = read_pickle(file)
    are_texts = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not are_texts or sorted(keys) != sorted(storages):
        raise DataError("it does not hold the storages that it describes")
    _check_sizes(storages, size)
    data = {}
    for key in keys:
        length = int.from_bytes(file.read(8), "little")
        data[key] = _whole(storages[key], file.read(_size(storages[key])), length)
    return _tensors(state), data


def _read_zip(file: io.BytesIO, size: int) -> _State:
    """Reads the format since PyTorch 1.6."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = {info.filename: info for info in archive.infolist()}
            roots = [
                name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl")
            ]
            if len(roots) != 1:
                raise DataError(f"it holds {len(roots)} data.pkl")

            def read(name: str) -> bytes:
                info = members[f"{roots[0]}{name}"]
                if info.compress_type != zipfile.ZIP_STORED or info.file_size > size:
                    raise DataError(f"{info.filename} is compressed, which PyTorch never does")
                return archive.read(info)

            if f"{roots[0]}byteorder" in members and read("byteorder") != b"little":
                raise DataError("its numbers are not little-endian")
            state, storages = read_pickle(io.BytesIO(read("data.pkl")))
            tensors = _tensors(state)
            _check_sizes(storages, size)
            return tensors, {key: _whole(s, read(f"data/{key}")) for key, s in storages.items()}
    except DataError:
        raise
    except KeyError as error:
        raise DataError(f"it lacks {error.args[0]}") from error
    # For encrypted members and later versions of zip, zipfile raises RuntimeError or a kind of it.
    except (zipfile.BadZipFile, EOFError, ValueError, RuntimeError) as error:
        raise DataError(f"it is a damaged zip ({error})") from error


def _tensors(state: object) -> Mapping[str, Tensor]:
    if not isinstance(state, dict) or not state:
        raise DataError("it holds no dictionary of tensors")
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise DataError(f"{name[:80]!r} in it is no tensor")
    return state


def _size(storage: Storage) -> int:
    return storage.length * np.dtype(storage.dtype).itemsize


def _check_sizes(storages: Mapping[str, Storage], limit: int) -> None:
    if sum(map(_size, storages.values())) > limit:
        raise DataError("its storages are larger than the file")


def _whole(storage: Storage, content: bytes, length: int | None = None) -> bytes:
    """Returns the content of a storage if it has the length that was described."""
    if len(content) != _size(storage) or length not in (None, storage.length):
        raise DataError(
            f"it is damaged (storage {storage.key[:80]} is not of the length described)"
        )
    return content


def _array(tensor: Tensor, data: Mapping[str, bytes]) -> np.ndarray:
    elements = np.frombuffer(data[tensor.storage.key], tensor.storage.dtype)[tensor.offset :]
    strides = [step * elements.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(elements, tensor.shape, strides, writeable=False).copy()
