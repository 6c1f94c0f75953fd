"""Files of weights by variable name: finding, opening, reading and writing them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import torch_names


@dataclass(frozen=True)
class Weights:
    """The arrays of a file: shapes at once, values when asked for."""

    path: Path
    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[str], np.ndarray]


def resolve(path: Path) -> Path:
    """Returns the file or checkpoint prefix that ``path`` means.

    A folder means its newest checkpoint: what its ``checkpoint`` file says, else the last number.

    Raises:
        DataError: there is no such file, or it is of a kind that is never loaded.
    """
    if path.is_dir():
        if (path / "saved_model.pb").exists():
            raise DataError(
                f"{path}: a SavedModel is a program and is not loaded as weights; "
                "give a TensorFlow checkpoint or an .npz"
            )
        return _newest_in(path)
    if path.suffix in (".index", ".meta") or ".data-" in path.name:
        path = path.with_name(re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path.name))
    if not path.is_file() and not Path(f"{path}.index").is_file():
        raise DataError(
            f"{path}: no checkpoint there; give the prefix of a TensorFlow checkpoint "
            "(without .index), an old single-file checkpoint, or an .npz"
        )
    return path


def _newest_in(folder: Path) -> Path:
    latest = tf.train.latest_checkpoint(str(folder))
    if latest is not None:
        return Path(latest)
    prefixes = [file.with_suffix("") for file in folder.glob("*.index")]
    if not prefixes:
        raise DataError(f"{folder}: this folder holds no checkpoint (no .index file)")

    def number(prefix: Path) -> int:
        digits = re.search(r"(\d+)$", prefix.name)
        return int(digits[1]) if digits else -1

    return max(prefixes, key=lambda prefix: (number(prefix), prefix.name))


def _open_npz(path: Path) -> Weights:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:
        raise DataError(f"{path}: not a readable .npz of plain arrays ({error})") from error
    if torch_names.FIRST in arrays:
        arrays = torch_names.with_slim_names(arrays)
    return Weights(path, {name: a.shape for name, a in arrays.items()}, arrays.__getitem__)


def open_weights(path: Path) -> Weights:
    """Opens a checkpoint of either TensorFlow format, or an ``.npz``.

    Raises:
        DataError: the file is missing, unreadable, or of a kind that could run code.
    """
    path = resolve(Path(path))
    if path.suffix == ".npz":
        return _open_npz(path)
    if path.suffix in (".h5", ".hdf5", ".keras", ".pkl", ".pickle", ".npy", ".pth", ".pt"):
        raise DataError(
            f"{path}: {path.suffix} files are not loaded, because they can carry code; "
            "give a TensorFlow checkpoint or an .npz keyed by slim names"
        )
    try:
        reader = tf.train.load_checkpoint(str(path))
        shapes = {n: tuple(shape) for n, shape in reader.get_variable_to_shape_map().items()}
    except Exception as error:
        raise DataError(f"{path}: not a readable TensorFlow checkpoint ({error})") from error
    return Weights(path, shapes, reader.get_tensor)


def read(weights: Weights, name: str) -> np.ndarray:
    """Returns the array ``name`` as float32.

    Raises:
        DataError: it cannot be read, or is not of finite floating point numbers.
    """
    try:
        value = np.asarray(weights.read(name))
    except Exception as error:
        raise DataError(f"{weights.path}: {name} cannot be read ({error})") from error
    if not np.issubdtype(value.dtype, np.floating) and value.dtype.name != "bfloat16":
        raise DataError(f"{weights.path}: {name} holds {value.dtype}, not floating point numbers")
    if not np.all(np.isfinite(value.astype(np.float32))):
        raise DataError(f"{weights.path}: {name} holds NaN or infinite values")
    return value.astype(np.float32)


def write(prefix: Path, variables: Mapping[str, tf.Variable]) -> None:
    """Writes a V2 checkpoint ``prefix`` whose keys are the names of ``variables``."""
    names = sorted(variables)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.convert_to_tensor(variables[name]) for name in names],
    )
