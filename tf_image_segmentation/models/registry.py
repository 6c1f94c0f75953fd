"""The registry of models: a slim function with what the rest of the package must know about it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import Registry

ModelFunction = Callable[..., Any]
Shapes = Mapping[str, tuple[int, ...]]
F = TypeVar("F", bound=ModelFunction)


@dataclass(frozen=True)
class ModelSpec:
    """Describes a model.

    Attributes:
        name: registry name.
        function: slim function ``f(images, num_classes, is_training, **options)``, which takes RGB
            in 0..255, normalizes it inside, and returns logits and end points.
        size_divisor: height and width of images must be multiples of this; 1 takes any size.
        output_stride: input pixels per position of the coarsest scores; it only describes.
        pad_value: RGB that images are padded with, in 0..255; the normalization inside should turn
            it into zeros.
        scope: first part of the names of the model's variables, by default ``name``. Variables may
            also do without it.
        starts_from: what else than itself the model may start from: registered models, and
            backbones by the first part of their variables' names (``"vgg_16"``). For each, the
            layers that its checkpoints may lack or hold in another shape, such as a new head.
        options_from_shapes: tells the number of classes and the options from a checkpoint that has
            no description beside it. It takes shapes by name, without ``scope``, and may raise
            KeyError. None: such a checkpoint cannot be opened without its options.
    """

    name: str
    function: ModelFunction
    size_divisor: int = 1
    output_stride: int | None = None
    pad_value: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scope: str = ""
    starts_from: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    options_from_shapes: Callable[[Shapes], tuple[int, dict[str, Any]]] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scope", self.scope or self.name)
        if not isinstance(self.size_divisor, int) or self.size_divisor < 1:
            raise ValueError(
                f"size_divisor must be a whole number of at least 1, got {self.size_divisor}"
            )
        if len(self.pad_value) != 3:
            raise ValueError(f"pad_value must be RGB, three numbers, got {self.pad_value}")

    @functools.cached_property
    def keywords(self) -> frozenset[str]:
        """The parameters that the function names, without those that ``**options`` swallow."""
        return frozenset(inspect.signature(self.function).parameters)

    @property
    def is_registered(self) -> bool:
        """Whether the registry knows the model by this spec."""
        return self.name in MODELS and MODELS[self.name] is self


MODELS: Registry[ModelSpec] = Registry("model", "tf_image_segmentation.models")
"""All models by name, each with its `ModelSpec`."""


def register_model(function: F | None = None, *, name: str | None = None, **fields: Any) -> Any:
    """Registers the decorated slim function, by default under its own name.

    Use as ``@register_model`` or ``@register_model(size_divisor=32, ...)``.

    The function is called as ``f(images, num_classes, is_training, **options)``, where options are
    those of the recipe. Two more keywords are given to a function that names them as parameters:

    - ``compute_dtype``, "float32" or "bfloat16": the type to compute in. Convolutions follow the
      type of their input, so cast the normalized images to it and the logits back to float32. A
      function without this parameter computes in float32 alone.
    - ``dropout_seed``, int32 [2] or None: makes dropout follow from the seed alone, so that a
      resumed run equals one that was never interrupted. Given in training only.

    Variables that are created with ``trainable=False`` are saved, but get no gradients. Weight
    decay applies to trainable variables called ``weights`` (of slim's convolutions), not to biases,
    depthwise weights or batch normalization, as slim's recipes do for MobileNet.

    Args:
        function: the slim function.
        name: what recipes call it; the function's name unless given.
        **fields: the other fields of `ModelSpec`.

    Raises:
        DataError: another module has registered a model of that name.
    """

    def spec(function: ModelFunction) -> ModelSpec:
        return ModelSpec(name or function.__name__, function, **fields)

    return MODELS.register(function, name=name, make=spec)


def spec_of(function: ModelFunction) -> ModelSpec:
    """Returns the spec that a function is registered with, a default one if it is not."""
    for name in MODELS:
        if MODELS[name].function is function:
            return MODELS[name]
    return ModelSpec(getattr(function, "__name__", "model"), function)


def check_output(name: str, output: Any, num_classes: int) -> tuple[Any, Any]:
    """Returns what a model function returned, if it is logits and end points.

    Args:
        name: of the model.
        output: what its function returned.
        num_classes: what it was called with.

    Raises:
        DataError: it is not a pair, or its first part no logits of these classes.
    """
    found = type(output).__name__
    if isinstance(output, tuple | list) and len(output) == 2 and hasattr(output[0], "dtype"):
        logits, end_points = output
        if logits.dtype.name == "float32" and logits.shape[3:] == [num_classes]:
            return logits, end_points
        found = f"{logits.dtype.name} {logits.shape}"
    raise DataError(
        f"model {name!r} must return (logits, end_points) with logits float32 [batch, height, "
        f"width, {num_classes}], got {found}; correct its function"
    )


def check_images(shape: Any, size_divisor: int) -> None:
    """Raises a ValueError unless ``shape`` is [batch, height, width, 3] with sides that fit.

    Args:
        shape: a ``tf.TensorShape``; unknown sides pass.
        size_divisor: what height and width must be multiples of.
    """
    if shape.rank != 4 or shape[3] != 3:
        raise ValueError(f"images must be [batch, height, width, 3], got {shape}")
    sides = shape[1:3].as_list()
    if any(side is not None and (side % size_divisor or side == 0) for side in sides):
        padded = [
            None if side is None else max(1, -(-side // size_divisor)) * size_divisor
            for side in sides
        ]
        raise ValueError(
            f"height and width must be multiples of {size_divisor}, got {sides}; "
            f"pad to {padded}, or use predict_labels, which takes any size"
        )
