"""A streaming confusion matrix and the metrics of semantic segmentation.

Source of the metrics: Long et al., "Fully Convolutional Networks for Semantic Segmentation",
CVPR 2015, section 5. With n_ij the number of pixels of class i predicted as class j and t_i the
number of pixels of class i:

    pixel accuracy        sum_i n_ii / sum_i t_i
    mean pixel accuracy   mean_i (n_ii / t_i)
    mean IoU              mean_i (n_ii / (t_i + sum_j n_ji - n_ii))
    frequency weighted    sum_i t_i IoU_i / sum_i t_i
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tf_image_segmentation.errors import DataError


@dataclass(frozen=True, eq=False)
class Metrics:
    """Accuracy over a whole dataset, as fractions in 0..1.

    Attributes:
        mean_iou: mean over classes that occur in labels or predictions.
        mean_pixel_accuracy: mean over classes that occur in labels.
        pixel_accuracy: share of labeled pixels that are right.
        frequency_weighted_iou: IoU weighted by the pixels of each class.
        per_class_iou: float64 [num_classes], NaN for a class in neither labels nor predictions.
        per_class_accuracy: float64 [num_classes], NaN for a class that is not in the labels.
        classes_in_mean_iou: how many classes `mean_iou` averages.
        pixels: labeled pixels counted.
        ignored_pixels: pixels with the ignore label, counted nowhere else.
    """

    mean_iou: float
    mean_pixel_accuracy: float
    pixel_accuracy: float
    frequency_weighted_iou: float
    per_class_iou: np.ndarray
    per_class_accuracy: np.ndarray
    classes_in_mean_iou: int
    pixels: int
    ignored_pixels: int

    def __getitem__(self, name: str) -> Any:
        """Returns the metric called ``name``."""
        return asdict(self)[name]

    def to_json(self) -> dict[str, Any]:
        """Returns the metrics as JSON types; NaN becomes null."""

        def plain(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return [None if np.isnan(v) else float(v) for v in value]
            return value

        return {name: plain(value) for name, value in asdict(self).items()}


class ConfusionMatrix:
    """Counts pixels by true and predicted class over a whole dataset.

    Args:
        num_classes: number of classes, at least 1; class ids are 0 to ``num_classes - 1``.
        ignore_label: label of pixels that are left out; it may be one of the class ids. None leaves
            out none.

    Attributes:
        matrix: int64 [num_classes, num_classes], true class by predicted class.
        ignored_pixels: pixels left out because their label is the ignore label.
    """

    def __init__(self, num_classes: int, ignore_label: int | None = None) -> None:
        if num_classes < 1:
            raise ValueError(f"num_classes must be at least 1, got {num_classes}")
        self.num_classes = num_classes
        self.ignore_label = ignore_label
        self.matrix = np.zeros((num_classes, num_classes), np.int64)
        self.ignored_pixels = 0

    def update(self, labels: Any, predictions: Any) -> None:
        """Adds the pixels of one or many images.

        Args:
            labels: integers of any shape, NumPy array or tensor; class ids or the ignore label.
            predictions: integers of the same shape; class ids.

        Raises:
            ValueError: the shapes differ, an array is not of integers, a label is neither a class
                nor the ignore label, or a prediction is no class. Nothing is counted then.
        """
        labels, predictions = np.asarray(labels), np.asarray(predictions)
        if labels.shape != predictions.shape:
            raise ValueError(
                f"labels {labels.shape} and predictions {predictions.shape} differ in shape"
            )
        if self.ignore_label is None:
            ignored = np.zeros(labels.shape, bool)
        else:
            ignored = labels == self.ignore_label
        self._check_range("label", labels, ignored)
        self._check_range("prediction", predictions, np.zeros(labels.shape, bool))
        self._count(labels, predictions, ignored)

    def _count(self, labels: np.ndarray, predictions: np.ndarray, ignored: np.ndarray) -> None:
        """Adds pixels whose ids are in range."""
        # Ignored pixels get a row of their own, which costs less than picking out the others, and
        # pairs the narrowest type that holds them all: there is less memory to go through.
        classes = self.num_classes
        size = (classes + 1) * classes
        dtype = np.min_scalar_type(size - 1)
        pairs = labels.astype(dtype)
        pairs[ignored] = classes
        pairs *= classes
        pairs += predictions.astype(dtype, copy=False)
        pixels = np.bincount(pairs.ravel(), minlength=size).reshape(classes + 1, classes)
        self.matrix += pixels[:-1]
        self.ignored_pixels += int(pixels[-1].sum())

    def _check_range(self, kind: str, ids: np.ndarray, exempt: np.ndarray) -> None:
        if not np.issubdtype(ids.dtype, np.integer):
            raise ValueError(f"{kind}s must be integers, got {ids.dtype}")
        bad = ((ids < 0) | (ids >= self.num_classes)) & ~exempt
        if bad.any():
            values, pixels = np.unique(ids[bad], return_counts=True)
            found = dict(zip(values.tolist(), pixels.tolist(), strict=True))
            allowed = f"0..{self.num_classes - 1}"
            if kind == "label" and self.ignore_label is not None:
                allowed += f" or the ignore label {self.ignore_label}"
            raise ValueError(f"{kind} ids must be {allowed}; found (id: pixels) {found}")

    def merge(self, other: ConfusionMatrix) -> None:
        """Adds the counts of another matrix of the same classes."""
        if (other.num_classes, other.ignore_label) != (self.num_classes, self.ignore_label):
            raise ValueError(
                f"cannot merge {other.num_classes} classes, ignore label {other.ignore_label}, "
                f"into {self.num_classes} classes, ignore label {self.ignore_label}"
            )
        self.matrix += other.matrix
        self.ignored_pixels += other.ignored_pixels

    def metrics(self) -> Metrics:
        """Returns the metrics of all that was counted.

        Raises:
            DataError: no labeled pixel has been counted.
        """
        pixels = int(self.matrix.sum())
        if pixels == 0:
            raise DataError(
                f"no labeled pixels were counted ({self.ignored_pixels} had the ignore label), "
                "so there are no metrics; evaluate on masks with labels"
            )
        right = np.diag(self.matrix).astype(np.float64)
        true = self.matrix.sum(axis=1)
        union = true + self.matrix.sum(axis=0) - right
        # NaN marks a class that cannot be measured, and the means leave it out.
        iou = np.divide(right, union, out=np.full_like(right, np.nan), where=union > 0)
        accuracy = np.divide(right, true, out=np.full_like(right, np.nan), where=true > 0)
        return Metrics(
            mean_iou=float(np.nanmean(iou)),
            mean_pixel_accuracy=float(np.nanmean(accuracy)),
            pixel_accuracy=float(right.sum() / pixels),
            frequency_weighted_iou=float(np.nansum(true * iou) / pixels),
            per_class_iou=iou,
            per_class_accuracy=accuracy,
            classes_in_mean_iou=int(np.count_nonzero(union)),
            pixels=pixels,
            ignored_pixels=self.ignored_pixels,
        )
