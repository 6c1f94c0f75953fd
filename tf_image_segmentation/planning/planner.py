"""Plans a recipe: measures records and machine, decides, and returns the text of a recipe file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import checkpoints
from tf_image_segmentation.models.description import read_description
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.models.registry import MODELS
from tf_image_segmentation.planning.families import family_of
from tf_image_segmentation.planning.fingerprint import ModelFacts
from tf_image_segmentation.planning.machine_fingerprint import measure_machine, usual_dtype
from tf_image_segmentation.planning.recipe_file import recipe_text
from tf_image_segmentation.planning.records_fingerprint import fingerprint_of
from tf_image_segmentation.planning.rules import MINUTES, Facts, decide
from tf_image_segmentation.tfrecords.reader import Records
from tf_image_segmentation.zoo.published import published_models
from tf_image_segmentation.zoo.shipped import DEFAULT_MODEL, find_checkpoint, shipped_models


def plan_recipe(
    records: Records,
    model: str,
    minutes: float = MINUTES,
    *,
    val_images: int = 0,
    init: str | None = None,
    fixed: Mapping[str, Any] | None = None,
    dataset: str | None = None,
) -> str:
    """Returns the text of a recipe file with a comment for each choice.

    Args:
        records: what is trained on, see `open_records`.
        model: name of a registered model.
        minutes: for training with its validations.
        val_images: number of validation images.
        init: checkpoint or name of a model that ships, to start from; "none" starts from random
            weights, None from `DEFAULT_MODEL` where it is of this model.
        fixed: fields of the recipe that the user has set.
        dataset: registered dataset, for records without a manifest.

    Raises:
        DataError: a value is out of bounds, a record is damaged, or the checkpoint holds another
            model.
    """
    if not 0 < minutes < float("inf"):
        raise DataError(f"--minutes must be above 0, got {minutes:g}")
    info, fixed = records.described_as(dataset), fixed or {}
    start = starting_point(model, init)
    dtype = fixed.get("compute_dtype", usual_dtype())
    options = {**start.options, **family_of(model).options}
    network = Network(MODELS[model].function, info.num_classes, dtype, **options)
    facts = Facts(
        fingerprint_of(records, val_images, info),
        measure_machine(network),
        replace(start, new_layers=_new_layers(network, start.init)),
        minutes,
    )
    return recipe_text(facts, decide(facts, fixed))


def starting_point(model: str, init: str | None) -> ModelFacts:
    """Returns what is known of a model and of the checkpoint that it starts from.

    Args:
        model: name of a registered model.
        init: as for `plan_recipe`.

    Raises:
        DataError: there is no such model or checkpoint.
    """
    divisor = MODELS[model].size_divisor
    init = _default_init(model) if init is None else init
    if init in ("", "none"):
        return ModelFacts(model, divisor)
    description = read_description(Path(find_checkpoint(init)))
    options: dict[str, Any] = {}
    if init in published_models():
        options = dict(published_models()[init].model_options)
    elif description is not None and description.model == model:
        options = dict(description.model_options)
    family = family_of(model)
    for name in (*family.few_images_options, *family.fine_options):  # decided anew
        options.pop(name, None)
    return ModelFacts(model, divisor, init, options)


def _default_init(model: str) -> str:
    shipped = shipped_models().get(DEFAULT_MODEL)
    return DEFAULT_MODEL if shipped is not None and shipped.model == model else ""


def _new_layers(network: Network, init: str) -> tuple[str, ...]:
    """Returns the layers that a checkpoint of the same model has for another number of classes."""
    if not init:
        return ()
    shapes = checkpoints.open_weights(Path(find_checkpoint(init))).shapes
    scope = f"{network.spec.scope}/"
    return tuple(
        dict.fromkeys(
            name.removeprefix(scope).rpartition("/")[0]
            for name, variable in network.variables_by_name.items()
            if shapes.get(name, tuple(variable.shape)) != tuple(variable.shape)
        )
    )
