"""What model a checkpoint holds: what was saved beside it, or what its shapes tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import checkpoints
from tf_image_segmentation.models.registry import MODELS

T = TypeVar("T")
Color = tuple[int, int, int]

_FULL_WIDTH = 512  # channels of conv5_3 in VGG-16, which tell a width best


@dataclass(frozen=True)
class Description:
    """What is needed to build the network of a checkpoint.

    Attributes:
        model: "fcn_32s", "fcn_16s" or "fcn_8s".
        num_classes: number of classes.
        compute_dtype: type of the convolutions that it was trained with.
        model_options: passed to the model function.
        class_names: what the classes are, None for a checkpoint from elsewhere.
        palette: their colors, RGB in 0..255; likewise.
    """

    model: str
    num_classes: int
    compute_dtype: str = "float32"
    model_options: dict[str, Any] = field(default_factory=dict)
    class_names: tuple[str, ...] | None = None
    palette: tuple[Color, ...] | None = None


def describe(path: str | Path) -> Description:
    """Describes the model of a checkpoint.

    Raises:
        DataError: there is no checkpoint, or it holds no FCN.
    """
    saved = checkpoints.read_description(Path(path))
    if not saved:
        return _from_shapes(Path(path))
    if saved.get("model") not in MODELS or "num_classes" not in saved:
        raise DataError(
            f"{path}: the description beside it names no model of {sorted(MODELS)}; delete it to "
            "go by the checkpoint's shapes"
        )
    try:
        dataset = saved.get("dataset", {})
        names = _tuple_of(str, dataset.get("class_names"))
        palette = _tuple_of(_color, dataset.get("palette"))
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path}: the description beside it has unreadable classes ({error}); delete it to go "
            "by the checkpoint's shapes"
        ) from error
    return Description(
        model=saved["model"],
        num_classes=saved["num_classes"],
        compute_dtype=saved.get("compute_dtype", "float32"),
        model_options=saved["model_options"],
        class_names=names,
        palette=palette,
    )


def _tuple_of(kind: Callable[[Any], T], values: Any) -> tuple[T, ...] | None:
    return tuple(map(kind, values)) if values else None


def _color(values: Any) -> Color:
    red, green, blue = map(int, values)
    return red, green, blue


def _from_shapes(path: Path) -> Description:
    weights = checkpoints.open_weights(path)
    scope = checkpoints.source_scope(weights)
    if scope not in MODELS:
        raise DataError(
            f"{weights.path}: holds a VGG-16 classifier, not one of {', '.join(MODELS)}; train one "
            "from it first"
        )
    vgg = f"{scope}/vgg_16"
    try:
        *_, num_classes = weights.shapes[f"{vgg}/fc8/weights"]
        width = weights.shapes[f"{vgg}/conv5/conv5_3/weights"][-1] / _FULL_WIDTH
        fc6_kernel, _, _, fc_channels = weights.shapes[f"{vgg}/fc6/weights"]
    except KeyError as error:
        raise DataError(
            f"{weights.path}: holds no {error.args[0]}, so it is no whole {scope}; give another one"
        ) from error
    options = {
        "width_multiplier": width,
        "fc_channels": round(fc_channels / width),
        "fc6_kernel": fc6_kernel,
    }
    return Description(scope, num_classes, model_options=options)
