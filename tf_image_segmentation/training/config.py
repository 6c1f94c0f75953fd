"""One training run: a model, its recipe, its inputs and its folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.plugins import plugin_hash
from tf_image_segmentation.registry import Registry, source_file
from tf_image_segmentation.structs import Range, convert
from tf_image_segmentation.training.recipe import Recipe

STRATEGIES = ("default", "mirrored", "multi_worker")


def _require(condition: bool, rule: str, value: Any) -> None:
    if not condition:
        raise DataError(f"{rule}, got {value}")


@dataclass(frozen=True)
class TrainingConfig:
    """One run: a model, its recipe, its inputs and its folder.

    Files and folders may be given as texts or as paths.

    Attributes:
        model: name of a registered model.
        recipe: how it is trained.
        tfrecords: records to train on: a folder with a manifest (its "train" split), one file, or a
            glob; or several folders, which train together.
        val_tfrecords: records to validate on (the "val" split of a folder); None validates on the
            "val" split beside the training records if they have one.
        run_dir: folder that the run writes to.
        init_checkpoint: where the weights start from: a path, a name of a model that ships or was
            downloaded, or "none" for random weights; None takes the ``init`` of the recipe, and
            without one, random weights.
        dataset: registered dataset whose classes records without a manifest have.
        class_map: file that puts the classes of the folders into one space, see
            ``datasets.class_map``; it may also change those of one folder.
        sampling_weights: for each folder, how often an example of it is taken, in proportion; None
            makes each example as likely.
        seed: decides initial weights, element order, augmentation and dropout.
        keep_checkpoints: how many of the newest checkpoints stay.
    """

    model: str
    recipe: Recipe
    tfrecords: str | tuple[str, ...]
    run_dir: Path
    val_tfrecords: str | None = None
    init_checkpoint: str | None = None
    dataset: str | None = None
    class_map: str | None = None
    sampling_weights: tuple[float, ...] | None = None
    seed: int = 0
    keep_checkpoints: int = 3

    def __post_init__(self) -> None:
        self._bring_to_form()
        _require(
            self.keep_checkpoints >= 1, "keep_checkpoints must be at least 1", self.keep_checkpoints
        )
        _require(0 <= self.seed < 2**31, "seed must be 0 to 2147483647", self.seed)

    def _bring_to_form(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "run_dir":
                value = Path(value)
            elif field.name == "tfrecords" and not isinstance(value, str | os.PathLike):
                value = tuple(os.fspath(folder) for folder in value)
            elif isinstance(value, os.PathLike):
                value = os.fspath(value)
            object.__setattr__(self, field.name, value)  # the class is frozen

    @property
    def makes_mixture(self) -> bool:
        """Whether the run makes a mixture of its records, even of a single folder."""
        several = not isinstance(self.tfrecords, str)
        return several or self.class_map is not None or self.sampling_weights is not None

    def to_json(self) -> dict[str, Any]:
        """Returns the configuration as JSON types."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain |= {"recipe": self.recipe.to_json(), "run_dir": str(self.run_dir)}
        return {n: list(v) if isinstance(v, tuple) else v for n, v in plain.items()}


def plugin_hashes(config: TrainingConfig) -> dict[str, str]:
    """Returns file name and SHA-256 of each part of a run that is not built in, by its name."""
    recipe = config.recipe
    names = {
        "model": [config.model],
        "optimizer": [recipe.optimizer.name],
        "schedule": [recipe.schedule.name],
        "loss": [part.name for part in recipe.loss],
        "augmentation": [part.name for part in recipe.augmentations],
        "metric": [part.name for part in recipe.metrics],
    }
    found = {}
    for kind in names:
        for name in names[kind]:
            module = Registry.all[kind].module_of(name)
            if (sha256 := plugin_hash(module)) and (file := source_file(module)):
                found[f"{kind} {name}"] = f"{file.name} {sha256}"
    return found


# What ``config.json`` holds: the fields of `TrainingConfig`, and what the run trained on. Each may
# be missing, as in a file of an earlier version.
_SAVED_TYPES: dict[str, Any] = {
    **get_type_hints(TrainingConfig),
    "recipe": dict[str, Any],
    "run_dir": str,
    "data": list[str],  # checksums of the training records
    "validation_data": list[str],
    "mixture": dict[str, Any] | None,  # how several datasets are mixed, if they are
    "intensity_range": Range | None,  # values of 16-bit images that were 0 and 255 in training
    "plugins": dict[str, str],  # file and checksum of each part that is not built in
    "environment": dict[str, Any],  # versions, git commit ...; not compared when a run is resumed
}
_SavedConfig = msgspec.defstruct(
    "_SavedConfig", [(name, kind, None) for name, kind in _SAVED_TYPES.items()]
)


def check_saved(fields: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Returns the fields of a ``config.json`` in today's form.

    Fields that the version which wrote them did not have take their defaults.

    Args:
        fields: what the file holds.
        path: the file, for messages.

    Raises:
        DataError: a field has the wrong type, or breaks a rule of `Recipe`.
    """
    today = dict(fields)
    earlier_place = today.pop("checkpoint_interval", None)
    convert(today, _SavedConfig, path)
    if "recipe" in today:
        recipe = _recipe_of_today(today["recipe"])
        if earlier_place is not None:
            recipe["checkpoint_interval"] = earlier_place
        today["recipe"] = Recipe.from_plain(recipe, f"{path}: recipe").to_json()
    return today


def _recipe_of_today(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Replaces the fields that recipes had before their parts had names."""
    recipe = dict(fields)
    flip, scale = recipe.pop("flip", None), recipe.pop("scale_range", None)
    color, momentum = recipe.pop("color_distortion", None), recipe.pop("momentum", None)
    if flip is not None:
        parts = [
            "flip" if flip else None,
            {"full": "color", "fast": {"name": "color", "mode": "fast"}}.get(color),
            None if scale is None else {"name": "scale", "range": scale},
        ]
        recipe["augmentations"] = [part for part in parts if part is not None]
    if recipe.get("optimizer") == "momentum" and momentum is not None:
        recipe["optimizer"] = {"name": "momentum", "momentum": momentum}
    return recipe
