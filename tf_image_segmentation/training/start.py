"""What a new run starts from: random weights, a checkpoint, or a model by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.models.registry import MODELS
from tf_image_segmentation.training.recipe import Recipe
from tf_image_segmentation.zoo.published import published_models
from tf_image_segmentation.zoo.shipped import find_checkpoint, shipped_models

RANDOM = "none"
"""What --init-checkpoint and the ``init`` of a recipe call random weights."""


def build_network(model: str, num_classes: int, recipe: Recipe) -> Network:
    """Returns the network of a run, with random weights.

    Args:
        model: name of a registered model.
        num_classes: of the records.
        recipe: of the run, which has the model's options.

    Raises:
        DataError: there is no such model, or it cannot be built with these options.
    """
    function, options = MODELS[model].function, recipe.model_options
    try:
        return Network(function, num_classes, recipe.compute_dtype, **options)
    except DataError:
        raise
    except Exception as error:  # whatever a model does with a value that it cannot use
        if not options:
            raise
        unknown = [name for name in options if f"'{name}'" in str(error)]
        if unknown and "unexpected keyword argument" in str(error):
            raise DataError(
                f"model {model!r} takes no option {unknown[0]!r}; docs/reference/recipe.md lists "
                "the options of each model"
            ) from error
        raise DataError(
            f"model {model!r} cannot be built with options {options} ({error})"
        ) from error


def initialize(network: Network, init_checkpoint: str | None, recipe: Recipe) -> list[str]:
    """Gives a network its first weights.

    A model by its name may have other classes: its head is new then. Layers that a file lacks or
    has in another shape must be named by the recipe.

    Args:
        network: with random weights.
        init_checkpoint: a path, the name of a model that ships or was downloaded, or `RANDOM`;
            None takes what the recipe names.
        recipe: of the run.

    Returns:
        Lines that say what the run starts from and what is new.

    Raises:
        DataError: there is no such checkpoint, or it does not fit the network.
    """
    start = init_checkpoint or recipe.init
    if start in ("", RANDOM):
        why = f"--init-checkpoint {RANDOM}" if start else "no --init-checkpoint"
        return [f"starting from random weights ({why})"]
    try:
        return _restored(network, start, recipe.new_layers)
    except DataError as error:
        if init_checkpoint:
            raise
        raise DataError(
            f"{error}\nthe recipe starts from {start}; another start is named with "
            f"--init-checkpoint, and random weights with --init-checkpoint {RANDOM}"
        ) from error


def _restored(network: Network, start: str, new_layers: tuple[str, ...]) -> list[str]:
    path = find_checkpoint(start)
    is_name = path != start
    report = network.restore(path, new_layers, new_head=is_name)
    if is_name:
        _check_options(network, start)
    layers = dict.fromkeys(_layer(network, name) for name in report.initialized)
    new = f"new {'head' if is_name else 'layers'}, not trained yet: {', '.join(layers)}"
    return [f"starting from {start}", str(report), new if layers else "no layer is new"]


def _layer(network: Network, variable: str) -> str:
    name = variable.removeprefix(f"{network.spec.scope}/").rpartition("/")[0]
    return name.removesuffix("/BatchNorm")


def _check_options(network: Network, start: str) -> None:
    """Compares what decides how weights are used and cannot be seen from their shapes."""
    for option, value in _needed_options(start).items():
        if network.model_options.get(option) != value:
            raise DataError(
                f"{start} needs {network.model_name} with {option} {value!r}; add "
                f"--set models.{network.model_name}.{option}={value}"
            )


def _needed_options(start: str) -> Mapping[str, Any]:
    if start in published_models():
        return published_models()[start].model_options
    options = shipped_models()[start].model_options
    return {name: value for name, value in options.items() if name == "variant"}
