"""What model a checkpoint holds: what was saved beside it, or what its shapes tell."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

import msgspec

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import checkpoints
from tf_image_segmentation.models.registry import MODELS, ModelSpec
from tf_image_segmentation.models.threshold import Threshold
from tf_image_segmentation.plugins import plugin_hash
from tf_image_segmentation.registry import source_file
from tf_image_segmentation.structs import Color, ComputeDtype, Range, read_json


class Classes(msgspec.Struct, frozen=True):
    """What is kept of the dataset that a model was trained on; see `DatasetInfo`."""

    class_names: tuple[str, ...] | None = None
    palette: tuple[Color, ...] | None = None
    ignore_label: int | None = None


class PluginFile(msgspec.Struct, frozen=True):
    """The plugin file that defined a model, and the SHA-256 of its content."""

    file: str
    sha256: str


class Description(msgspec.Struct, frozen=True):
    """What is needed to build the network of a checkpoint: the JSON beside it.

    Attributes:
        model: name in the registry of models.
        num_classes: number of classes.
        compute_dtype: type of the convolutions that it was trained with.
        model_options: passed to the model function.
        dataset: what the classes are; empty for a checkpoint from elsewhere.
        plugin: what defines the model, None for a built-in one.
        intensity_range: values of images of more than 8 bits that were 0 and 255 in training; None
            where it saw no such images.
        threshold: decides between two classes; None takes the more probable one.
    """

    model: str
    num_classes: Annotated[int, msgspec.Meta(ge=2)]
    compute_dtype: ComputeDtype = "float32"
    model_options: dict[str, Any] = msgspec.field(default_factory=dict)
    dataset: Classes = msgspec.field(default_factory=Classes)
    plugin: PluginFile | None = None
    intensity_range: Range | None = None
    threshold: Threshold | None = None

    def __post_init__(self) -> None:
        if (
            self.intensity_range is not None
            and not self.intensity_range[0] < self.intensity_range[1]
        ):
            raise ValueError(f"intensity_range {list(self.intensity_range)} is not in order")
        for kind in ("class_names", "palette"):
            values = getattr(self.dataset, kind)
            if values and len(values) != self.num_classes:
                raise ValueError(
                    f"dataset.{kind} has {len(values)} entries for num_classes {self.num_classes}"
                )
        if self.threshold is not None and self.num_classes != 2:
            raise ValueError(f"threshold needs num_classes 2, got {self.num_classes}")


def description_path(prefix: Path) -> Path:
    """Returns where the description of the checkpoint ``prefix`` lies."""
    return Path(f"{prefix}.json")


def read_description(path: Path) -> Description | None:
    """Returns what was saved beside a checkpoint, None for a checkpoint from elsewhere.

    Raises:
        DataError: there is no checkpoint, or what lies beside it is no description.
    """
    file = description_path(checkpoints.resolve(path))
    if not file.is_file():
        return None
    try:
        return read_json(file, Description)
    except DataError as error:
        raise DataError(
            f"{error}; correct this description, or delete it to go by the checkpoint's shapes"
        ) from error


def describe(path: str | Path, model: str | None = None) -> Description:
    """Describes the model of a checkpoint.

    Warns if the plugin file that defines the model is not what it was when the model was saved.

    Args:
        path: as for `Network.restore`.
        model: the model that the checkpoint must hold. A checkpoint from elsewhere, such as a
            published one, may then do without the model's scope. None takes what is there.

    Raises:
        DataError: there is no checkpoint, it holds no model, another one, or one that no registered
            function defines.
    """
    saved = read_description(Path(path)) or _from_shapes(Path(path), model)
    if model not in (None, saved.model):
        raise DataError(f"{path}: holds {saved.model}, not {model}; leave out --model")
    if saved.model in MODELS:
        _warn_of_changed_plugin(path, saved)
    elif saved.plugin is not None:
        raise DataError(
            f"{path}: holds {saved.model}, which is defined in {saved.plugin.file}; name that file "
            "with --plugins"
        )
    else:
        raise DataError(
            f"{path}: is described as unknown model {saved.model!r}; choose from {sorted(MODELS)}, "
            "name the file that defines it with --plugins, or delete the description to go by the "
            "checkpoint's shapes"
        )
    return saved


def plugin_of(spec: ModelSpec) -> PluginFile | None:
    """Returns the file outside the package that registers a model, None if there is none."""
    if not spec.is_registered:
        return None
    module = MODELS.module_of(spec.name)
    digest, file = plugin_hash(module), source_file(module)
    if digest is None or file is None:
        return None
    return PluginFile(file.name, digest)


def _warn_of_changed_plugin(path: str | Path, saved: Description) -> None:
    if saved.plugin is None:
        return
    given = plugin_of(MODELS[saved.model])
    digest = "no plugin file" if given is None else f"one of SHA-256 {given.sha256}"
    if given is None or given.sha256 != saved.plugin.sha256:
        warnings.warn(
            f"{path}: {saved.model} was saved with a {saved.plugin.file} of SHA-256 "
            f"{saved.plugin.sha256}; now {digest} defines it, so it may predict something else",
            stacklevel=3,
        )


def _from_shapes(path: Path, model: str | None) -> Description:
    weights = checkpoints.open_weights(path)
    has_scope = any(name.split("/")[0] in _scopes() for name in weights.shapes)
    spec = MODELS[model] if model is not None and not has_scope else _model_of(weights)
    if spec.options_from_shapes is None:
        raise DataError(
            f"{weights.path}: holds {spec.name}, but its shapes do not tell the options; put the "
            f"description that was saved with it beside it, as {description_path(weights.path)}"
        )
    scope = f"{spec.scope}/" if has_scope else ""
    shapes = {n.removeprefix(scope): s for n, s in weights.shapes.items() if n.startswith(scope)}
    try:
        num_classes, options = spec.options_from_shapes(shapes)
        return Description(spec.name, num_classes, model_options=options)
    except KeyError as error:
        raise DataError(
            f"{weights.path}: holds no {scope}{error.args[0]}, so it is no whole {spec.name}; give "
            "another one"
        ) from error
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise DataError(f"{weights.path}: has shapes that no {spec.name} has ({error})") from error


def _scopes() -> dict[str, ModelSpec]:
    return {MODELS[name].scope: MODELS[name] for name in MODELS}


def _model_of(weights: checkpoints.Weights) -> ModelSpec:
    first_parts = {name.split("/")[0] for name in weights.shapes if "/" in name}
    found = [spec for scope, spec in _scopes().items() if scope in first_parts]
    if not found:
        held = ", ".join(sorted(first_parts)[:5]) or "nothing"
        raise DataError(
            f"{weights.path}: holds {held}, not one of {', '.join(MODELS)}; name the "
            "one that it holds with --model, or train one from it first"
        )
    return found[0]
