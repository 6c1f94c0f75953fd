"""Plans a recipe: measures records and machine, decides, and returns the text of a recipe file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import structs

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
from tf_image_segmentation.training.changes import parse_change
from tf_image_segmentation.training.recipe import FIELDS, recipe_of
from tf_image_segmentation.training.start import RANDOM, build_network, initialize
from tf_image_segmentation.zoo.published import published_models
from tf_image_segmentation.zoo.shipped import DEFAULT_MODEL, find_checkpoint, shipped_models


def plan_recipe(
    records: Records,
    model: str,
    minutes: float = MINUTES,
    *,
    val_images: int = 0,
    init: str | None = None,
    changes: Sequence[str] = (),
    dataset: str | None = None,
) -> str:
    """Returns the text of a recipe file with a comment for each choice.

    Args:
        records: what is trained on, see `open_records`.
        model: name of a registered model.
        minutes: for training with its validations.
        val_images: number of validation images.
        init: checkpoint or name of a model that ships, to start from; "none" starts from random
            weights, None from what the changes name, or `DEFAULT_MODEL` where it is of this model.
        changes: what is changed in the recipe when it is used, see `load_recipe`; whole fields are
            not decided.
        dataset: registered dataset, for records without a manifest.

    Raises:
        DataError: a value is out of bounds, the checkpoint does not fit the model, both of which
            are found before anything is measured, or a record is damaged.
    """
    if not 0 < minutes < float("inf"):
        raise DataError(f"--minutes must be above 0, got {minutes:g}")
    info, fixed = records.described_as(dataset), _fixed(changes)
    start = starting_point(model, fixed.get("init") if init is None else init)
    usual = {
        "compute_dtype": usual_dtype(),
        "model_options": {**start.options, **family_of(model).options},
    }
    recipe = recipe_of(usual, model, changes, "plan")
    network = build_network(model, info.num_classes, recipe)
    start = replace(start, new_layers=_new_layers(network, start.init))
    new_layers = fixed.get("new_layers", start.new_layers)
    initialize(network, init, structs.replace(recipe, init=start.init, new_layers=new_layers))
    data = fingerprint_of(records, val_images, info)
    facts = Facts(data, measure_machine(network), start, minutes)
    return recipe_text(facts, decide(facts, fixed))


def _fixed(changes: Sequence[str]) -> dict[str, Any]:
    """Returns the whole fields that ``key=value`` texts set; others change what was decided."""
    parsed = [parse_change(change) for change in changes]
    return {keys[0]: value for keys, value in parsed if len(keys) == 1 and keys[0] in FIELDS}


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
    if init in ("", RANDOM):
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
    scope, layers = f"{network.spec.scope}/", []
    for name, variable in network.variables_by_name.items():
        shape = tuple(variable.shape)
        saved = shapes.get(name, shape)
        if saved != shape and saved[:-1] == shape[:-1] and shape[-1] == network.num_classes:
            layers.append(name.removeprefix(scope).rpartition("/")[0])
    return tuple(dict.fromkeys(layers))
