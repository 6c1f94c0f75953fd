"""Metrics by name: the registry, and how a list of them is computed.

A metric has one of two forms:

- A function ``f(confusion, **arguments)`` of the `ConfusionMatrix` of a whole dataset. It returns a
  float, or one float a class (NaN for a class that cannot be measured).
- A subclass of `ImageMetric`, for what the confusion matrix does not tell. It sees each image and
  counts; counts of several workers add up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.registry import Part, Registry

F = TypeVar("F", bound=Callable[..., Any])
Results = Mapping[str, Any]
"""Values of metrics by name: a float, or float64 [num_classes]."""

METRICS: Registry[Callable[..., Any]] = Registry("metric", "tf_image_segmentation.evaluation")
"""All metrics by name."""

DEFAULT_METRICS = tuple(
    map(
        Part,
        (
            "pixel_accuracy",
            "mean_pixel_accuracy",
            "mean_iou",
            "frequency_weighted_iou",
            "iou",
            "accuracy",
        ),
    )
)

OVERLAP_METRICS = tuple(map(Part, ("dice", "precision", "recall")))
"""What is usual for two classes, in medicine above all; they are shown for these by default."""

# Means over the classes that have a name of their own; of others, it is "mean_" and the name.
_MEANS = {"accuracy": "mean_pixel_accuracy"}


def register_metric(metric: F | None = None, *, name: str | None = None) -> Any:
    """Registers the decorated metric; use as ``@register_metric`` or with ``(name=...)``.

    Args:
        metric: a function of the confusion matrix or a subclass of `ImageMetric`.
        name: what it is chosen by; the function's name unless given.

    Raises:
        DataError: another module has registered a metric of that name.
    """
    return METRICS.register(metric, name=name)


class ImageMetric(ABC):
    """A metric that needs whole images; its constructor takes a recipe's arguments as keywords.

    Args:
        num_classes: class ids are 0 to ``num_classes - 1``.
        ignore_label: label of pixels that are left out, or None.

    Attributes:
        counts: array of numbers, which `update` adds to. The sum over several workers is what one
            would have counted, and all that `result` depends on.
    """

    counts: np.ndarray

    def __init__(self, num_classes: int, ignore_label: int | None) -> None:
        self.num_classes, self.ignore_label = num_classes, ignore_label

    @abstractmethod
    def update(self, labels: np.ndarray, predictions: np.ndarray) -> None:
        """Adds an image: class ids or the ignore label, and class ids; integers [height, width]."""

    @abstractmethod
    def result(self) -> float | np.ndarray:
        """Returns a float, or float64 [num_classes] with NaN for what cannot be measured."""


def parse_metrics(values: Iterable[Any]) -> tuple[Part, ...]:
    """Returns the parts that names or tables mean, once they are known to exist.

    Raises:
        DataError: a metric is unknown, has wrong arguments or occurs twice.
    """
    parts = tuple(Part.parse(value, METRICS.kind) for value in values)
    for part in parts:
        METRICS.bind(part, *_given(part))
    if twice := sorted({p.name for p in parts if sum(p.name == q.name for q in parts) > 1}):
        raise DataError(f"metric {twice[0]!r} is listed twice; list it once")
    return parts


def image_metrics(
    parts: Sequence[Part], num_classes: int, ignore_label: int | None
) -> dict[str, ImageMetric]:
    """Returns new counts for those of ``parts`` that need images, by name."""
    return {
        part.name: METRICS.bind(part, *_given(part))(
            num_classes=num_classes, ignore_label=ignore_label
        )
        for part in parts
        if _needs_images(part)
    }


def compute_metrics(
    parts: Sequence[Part],
    confusion: ConfusionMatrix,
    images: Mapping[str, ImageMetric] | None = None,
) -> dict[str, float | np.ndarray]:
    """Returns the value of each metric by its name.

    Args:
        parts: the metrics.
        confusion: counts of the dataset.
        images: what `image_metrics` returned, updated with the same images.

    Raises:
        DataError: there is no labeled pixel, a metric needs images and ``images`` lacks it, or one
            returns neither a float nor one a class.
    """
    confusion.metrics()  # raises where nothing is labeled
    results = {}
    for part in parts:
        if not _needs_images(part):
            value = METRICS.bind(part, *_given(part))(confusion)
        elif images is not None and part.name in images:
            value = images[part.name].result()
        else:
            raise DataError(
                f"metric {part.name!r} needs images, and here only the confusion matrix is known; "
                "choose another metric"
            )
        results[part.name] = _checked(part.name, value, confusion.num_classes)
    return results


def scalars(results: Results) -> dict[str, float]:
    """Returns each float, and for values by class their mean over the classes that have one."""
    single = {}
    for name, value in results.items():
        if not isinstance(value, np.ndarray):
            single[name] = value
        elif (mean := _MEANS.get(name, f"mean_{name}")) not in results:
            single[mean] = float(np.nanmean(value)) if np.isfinite(value).any() else float("nan")
    return single


def by_class(results: Results) -> dict[str, np.ndarray]:
    """Returns the metrics that have one value a class."""
    return {name: value for name, value in results.items() if isinstance(value, np.ndarray)}


def results_to_json(results: Results) -> dict[str, Any]:
    """Returns JSON types: `scalars`, and lists named ``per_class_...``; NaN becomes null."""

    def plain(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    single = {name: plain(value) for name, value in scalars(results).items()}
    lists = {f"per_class_{n}": [plain(v) for v in vs] for n, vs in by_class(results).items()}
    return {**single, **lists}


def _needs_images(part: Part) -> bool:
    metric = METRICS[part.name]
    return isinstance(metric, type) and issubclass(metric, ImageMetric)


def _given(part: Part) -> tuple[str, ...]:
    """Returns the names of the parameters that no recipe can set."""
    return ("num_classes", "ignore_label") if _needs_images(part) else ("confusion",)


def _checked(name: str, value: Any, num_classes: int) -> float | np.ndarray:
    value = np.asarray(value, np.float64)
    if value.shape not in ((), (num_classes,)):
        raise DataError(
            f"metric {name!r} must return a float or one a class ({num_classes}), got an array of "
            f"shape {value.shape}"
        )
    return value if value.shape else float(value)
