"""Reading and writing weights by variable name, with every name and shape compared first.

TensorFlow's own restore functions load a tensor of another shape without a word; here nothing is
assigned before everything fits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tf_image_segmentation.errors import DataError

_ANCHOR = "vgg_16/conv1/conv1_1/weights"
_STRIDES = {"fcn_32s": 32, "fcn_16s": 16, "fcn_8s": 8}
_SKIP_LAYERS = ("pool4_fc", "pool3_fc")


@dataclass(frozen=True)
class RestoreReport:
    """What `Network.restore` did, by variable name."""

    path: Path
    restored: tuple[str, ...]
    initialized: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        """One line for a log."""
        text = f"restored {len(self.restored)} variables from {self.path}"
        if self.initialized:
            text += f"; left as initialized: {', '.join(self.initialized)}"
        if self.unused:
            text += f"; not used: {', '.join(self.unused)}"
        return text


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


def description_path(prefix: Path) -> Path:
    """Returns where the description of the checkpoint ``prefix`` lies."""
    return Path(f"{prefix}.json")


def read_description(path: Path) -> dict[str, Any]:
    """Returns what was saved beside a checkpoint, {} for a checkpoint from elsewhere.

    Raises:
        DataError: there is no checkpoint, or what lies beside it is no description.
    """
    file = description_path(resolve(path))
    if not file.is_file():
        return {}
    try:
        description = json.loads(file.read_text())
        return {**description, "model_options": dict(description["model_options"])}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{file}: does not describe a model ({error!r}); delete it to go by the checkpoint's "
            "shapes"
        ) from error


def _open_npz(path: Path) -> Weights:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:
        raise DataError(f"{path}: not a readable .npz of plain arrays ({error})") from error
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


def source_scope(weights: Weights) -> str:
    """Returns what precedes ``vgg_16/...`` in the file's names: "" or for example "fcn_32s"."""
    if _ANCHOR in weights.shapes:
        return ""
    for name in sorted(weights.shapes):
        if name.endswith("/" + _ANCHOR):
            return name.removesuffix("/" + _ANCHOR)
    some = ", ".join(sorted(weights.shapes)[:5]) or "nothing"
    raise DataError(
        f"{weights.path}: holds no VGG-16 or FCN weights by slim names "
        f"(no {_ANCHOR}); it holds {some} ..."
    )


def _layer(name: str) -> str:
    return name.split("/")[-2]


def _may_be_new(name: str, target: str, source: str, weights: Weights) -> bool:
    """Whether the file by its kind cannot hold this variable's values."""
    layer = _layer(name)
    if layer == "fc8" and source == "":
        return True  # a classifier's fc8 belongs to its own classes
    finer = source == "" or _STRIDES.get(source, 32) > _STRIDES.get(target, 8)
    has_layer = f"{source}/{layer}/weights" in weights.shapes
    return layer in _SKIP_LAYERS and finer and not has_layer


def restore(
    variables: Mapping[str, tf.Variable], model: str, path: Path, new_layers: tuple[str, ...]
) -> RestoreReport:
    """Fills ``variables`` of the model called ``model``; see `Network.restore`."""
    weights = open_weights(path)
    source = source_scope(weights)
    if _STRIDES.get(source, 32) < _STRIDES.get(model, 8):
        raise DataError(
            f"{weights.path}: holds {source}, which is finer than {model}; a network "
            "starts from the same stride or a coarser one"
        )
    layers = {_layer(name) for name in variables}
    if unknown := sorted(set(new_layers) - layers):
        raise DataError(f"unknown new layers {unknown}; {model} has {sorted(layers)}")
    taken, initialized, wrong = {}, [], []
    for name, variable in variables.items():
        source_name = f"{source}/{name.split('/', 1)[1]}".lstrip("/")
        shape, found = tuple(variable.shape), weights.shapes.get(source_name)
        if found == shape:
            taken[name] = source_name
        elif _layer(name) in new_layers or _may_be_new(name, model, source, weights):
            initialized.append(name)
        elif found is None:
            wrong.append(f"  {source_name}: missing, {list(shape)} wanted")
        else:
            wrong.append(f"  {source_name}: {list(found)} in the file, {list(shape)} wanted")
    if wrong:
        raise DataError(
            f"{weights.path} does not fit {model}:\n"
            + "\n".join(wrong)
            + "\nname layers that shall start as initialized (new_layers, --new-layers), or change "
            "the model's options to those of the checkpoint"
        )
    for name, value in {name: _read(weights, taken[name]) for name in taken}.items():
        variables[name].assign(value)
    unused = sorted(set(weights.shapes) - set(taken.values()))
    return RestoreReport(weights.path, tuple(taken), tuple(initialized), tuple(unused))


def _read(weights: Weights, name: str) -> np.ndarray:
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
