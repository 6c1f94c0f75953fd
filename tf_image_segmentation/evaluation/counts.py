"""All that metrics are computed from, counted image by image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.evaluation.metrics import (
    METRICS,
    compute_metrics,
    image_metrics,
    parse_metrics,
    scalars,
)
from tf_image_segmentation.registry import Part


class Counts:
    """A confusion matrix, and the counts of metrics that need images.

    Args:
        parts: the metrics.
        num_classes: class ids are 0 to ``num_classes - 1``.
        ignore_label: label of pixels that are left out, or None.

    Attributes:
        matrix: the confusion matrix.
        images: those of the metrics that need images, by name.
    """

    def __init__(self, parts: Sequence[Part], num_classes: int, ignore_label: int | None) -> None:
        self.parts = parts
        self.matrix = ConfusionMatrix(num_classes, ignore_label)
        self.images = image_metrics(parts, num_classes, ignore_label)

    def update(self, labels: np.ndarray, predictions: np.ndarray, place: str) -> None:
        """Adds an image; integers [height, width].

        Raises:
            DataError: an id is no class; the message begins with ``place``.
        """
        self.update_matrix(labels, predictions, place)
        self.update_images(labels, predictions)

    def update_matrix(self, labels: np.ndarray, predictions: np.ndarray, place: str) -> None:
        """Adds a part of an image to the matrix; `update_images` must get the whole of it."""
        try:
            self.matrix.update(labels, predictions)
        except ValueError as error:
            raise DataError(
                f"{place}: {error}; use a model of this dataset's classes, or convert the dataset "
                "again"
            ) from error

    def update_images(self, labels: np.ndarray, predictions: np.ndarray) -> None:
        """Adds an image to the counts of metrics that need images, and not to the matrix."""
        for metric in self.images.values():
            metric.update(labels, predictions)

    def add_up(self, total: Callable[[np.ndarray], np.ndarray]) -> None:
        """Replaces what this worker has counted by what all workers have.

        Args:
            total: returns the sum of what all workers pass; each of them passes the same arrays
                in the same order.
        """
        self.matrix.matrix = total(self.matrix.matrix)
        self.matrix.ignored_pixels = int(total(np.array(self.matrix.ignored_pixels)))
        for metric in self.images.values():
            metric.counts = total(metric.counts)

    def results(self, parts: Sequence[Part] | None = None) -> dict[str, float | np.ndarray]:
        """Returns the value of each metric by its name, see `compute_metrics`.

        Args:
            parts: None for the metrics that this counts for.
        """
        return compute_metrics(self.parts if parts is None else parts, self.matrix, self.images)


def metric_of_scalar(scalar: str, num_classes: int) -> Part:
    """Returns the metric that `scalars` has under a name: for "mean_dice", it is "dice".

    Args:
        scalar: the name.
        num_classes: of the dataset.

    Raises:
        DataError: there is none.
    """
    for name in (scalar, scalar.removeprefix("mean_")):
        if name in METRICS and scalar == _scalar_of(name, num_classes):
            return Part(name)
    METRICS[scalar]  # raises where it is unknown
    mean = _scalar_of(scalar, num_classes)
    raise DataError(f"--metric {scalar}: has one value a class; choose {mean}, their mean")


def _scalar_of(name: str, num_classes: int) -> str:
    """Returns what `scalars` calls a metric, by computing it for an image of all classes."""
    counts = Counts(parse_metrics([name]), num_classes, None)
    image = np.arange(num_classes)[np.newaxis]
    counts.update(image, image, name)
    (scalar,) = scalars(counts.results())
    return scalar
