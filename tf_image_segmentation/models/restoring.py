"""Fills a network's variables from a checkpoint, with every name and shape compared first.

TensorFlow's own restore functions load a tensor of another shape without a word; here nothing is
assigned before everything fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import checkpoints
from tf_image_segmentation.models.checkpoints import Weights
from tf_image_segmentation.models.description import Description, read_description
from tf_image_segmentation.models.registry import MODELS, ModelSpec


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


def restore(
    variables: Mapping[str, tf.Variable],
    spec: ModelSpec,
    path: Path,
    new_layers: tuple[str, ...],
    head_classes: int | None = None,
) -> RestoreReport:
    """Fills ``variables`` of a model; see `Network.restore`, whose classes are ``head_classes``."""
    weights = checkpoints.open_weights(path)
    saved = read_description(weights.path)
    old_classes = saved.num_classes if saved else None
    _refuse_described_as_other(spec, weights.path, saved)
    scope = _common_scope(spec, variables)
    known = {part for name in variables for part in name.removeprefix(scope).split("/")[:-1]}
    if unknown := sorted({part for layer in new_layers for part in layer.split("/")} - known):
        raise DataError(f"unknown new layers {unknown}; {spec.name} has {sorted(known)}")
    prefix, allowed = _source(spec, next(iter(variables)).removeprefix(scope), scope, weights)
    new_layers += allowed
    taken, initialized, wrong = {}, [], []
    for name, variable in variables.items():
        relative = name.removeprefix(scope)
        shape, found = tuple(variable.shape), weights.shapes.get(prefix + relative)
        if found == shape:
            taken[name] = prefix + relative
        elif any(f"/{layer}/" in f"/{relative}" for layer in new_layers) or (
            found and found[-1] == old_classes and shape == (*found[:-1], head_classes)
        ):
            initialized.append(name)
        elif found is None:
            wrong.append(f"  {prefix + relative}: missing, {list(shape)} wanted")
        else:
            wrong.append(f"  {prefix + relative}: {list(found)} in the file, {list(shape)} wanted")
    if wrong:
        raise DataError(
            f"{weights.path} does not fit {spec.name}:\n"
            + "\n".join(wrong)
            + "\nname layers that shall start as initialized (new_layers, --new-layers), or change "
            "the model's options to those of the checkpoint"
        )
    for name, value in {name: checkpoints.read(weights, taken[name]) for name in taken}.items():
        variables[name].assign(value)
    unused = sorted(set(weights.shapes) - set(taken.values()))
    return RestoreReport(weights.path, tuple(taken), tuple(initialized), tuple(unused))


def _common_scope(spec: ModelSpec, names: Mapping[str, tf.Variable]) -> str:
    """Returns the model's scope with a slash if all names begin with it, else ""."""
    scope = f"{spec.scope}/"
    return scope if all(name.startswith(scope) for name in names) else ""


def _source(
    spec: ModelSpec, first: str, scope: str, weights: Weights
) -> tuple[str, tuple[str, ...]]:
    """Finds out what a file holds by where the model's first variable stands in it.

    Args:
        spec: of the model.
        first: name of its first variable, without its scope.
        scope: its scope with a slash, or "".
        weights: the file.

    Returns:
        What precedes the names without scope in the file, and the layers that it may lack.
    """
    prefixes = sorted(
        name.removesuffix(first) for name in weights.shapes if f"/{name}".endswith(f"/{first}")
    )
    if not prefixes:
        some = ", ".join(sorted(weights.shapes)[:5]) or "nothing"
        raise DataError(
            f"{weights.path}: holds no weights of {_sources(spec)} by slim names (no {first}); it "
            f"holds {some} ..."
        )
    prefix = scope if scope in prefixes else prefixes[0]
    source = prefix.rstrip("/") or first.split("/")[0]
    for name, new_layers in spec.starts_from.items():
        if source == (MODELS[name].scope if name in MODELS else name):
            return prefix, new_layers
    if prefix != scope and (not prefix or source in {MODELS[name].scope for name in MODELS}):
        _refuse(spec, weights.path, source)
    return prefix, ()


def _refuse_described_as_other(spec: ModelSpec, path: Path, saved: Description | None) -> None:
    # A function that is not registered has no name to go by, so the names of its variables decide.
    if saved is None or not spec.is_registered or saved.model in (spec.name, *spec.starts_from):
        return
    if saved.model in MODELS or saved.plugin is not None:
        _refuse(spec, path, saved.model)


def _refuse(spec: ModelSpec, path: Path, found: str) -> None:
    raise DataError(
        f"{path}: holds {found}, not {spec.name}, which starts from a checkpoint of "
        f"{_sources(spec)}"
    )


def _sources(spec: ModelSpec) -> str:
    return " or ".join((spec.name, *spec.starts_from))
