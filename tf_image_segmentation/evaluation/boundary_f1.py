"""Boundary F1: how well the outlines of each class agree.

Source: Csurka et al., "What is a good evaluation measure for semantic segmentation?", BMVC 2013,
section 2.2. A boundary pixel is right if the other mask has a boundary pixel of the same class
within a tolerance. Precision is the share of right ones among the predicted, recall among the true
boundary pixels, and F1 their harmonic mean. Unlike there, pixels are counted over the whole
dataset, as for all metrics here, not averaged over images.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.metrics import ImageMetric, register_metric
from tf_image_segmentation.inference.regions import boundary_pixels


@register_metric(name="boundary_f1")
class BoundaryF1(ImageMetric):
    """Boundary F1 of each class; NaN for a class that has no boundary in truth or predictions.

    Ignored pixels are one more label, in truth and predictions alike: an object with an ignored
    strip around it, as in PASCAL VOC, has its boundary along the strip.

    Args:
        num_classes: number of classes.
        ignore_label: label of ignored pixels, or None.
        tolerance: largest Euclidean distance: in pixels from 1 on, below it as a fraction of the
            image's diagonal. The default is the paper's.

    Attributes:
        counts: int64 [4, num_classes]: right predicted, all predicted, right true and all true
            boundary pixels.

    Raises:
        DataError: ``tolerance`` is not above 0 and finite.
    """

    def __init__(
        self, num_classes: int, ignore_label: int | None, tolerance: float = 0.0075
    ) -> None:
        super().__init__(num_classes, ignore_label)
        if not 0 < tolerance < float("inf"):
            raise DataError(f"metric 'boundary_f1': tolerance must be above 0, got {tolerance}")
        self._tolerance = tolerance
        self.counts = np.zeros((4, num_classes), np.int64)

    def update(self, labels: np.ndarray, predictions: np.ndarray) -> None:
        """Adds an image; see `ImageMetric`."""
        ignored = np.zeros(labels.shape, bool)
        if self.ignore_label is not None:
            ignored = labels == self.ignore_label
        true, predicted = (
            np.where(ignored, -1, ids.astype(np.int32)) for ids in (labels, predictions)
        )
        reach = self._tolerance
        if reach < 1:
            reach *= float(np.hypot(*labels.shape))
        edges = [(ids, boundary_pixels(ids)) for ids in (true, predicted)]
        for label in np.union1d(true, predicted):
            if label >= 0:
                of_true, of_predicted = (edge & (ids == label) for ids, edge in edges)
                self.counts[:2, label] += _right(of_predicted, of_true, reach)
                self.counts[2:, label] += _right(of_true, of_predicted, reach)

    def result(self) -> np.ndarray:
        """Returns F1 of each class, float64 [num_classes]."""
        right_predicted, predicted, right_true, true = self.counts.astype(np.float64)
        precision = right_predicted / np.maximum(predicted, 1)
        recall = right_true / np.maximum(true, 1)
        total = precision + recall
        f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
        return np.where(predicted + true > 0, f1, np.nan)


def _right(pixels: np.ndarray, others: np.ndarray, reach: float) -> tuple[int, int]:
    """Returns how many of ``pixels`` are at most ``reach`` from one of ``others``, and how many."""
    count = int(pixels.sum())
    if count == 0 or not others.any():
        return 0, count
    return int((distance_transform_edt(~others)[pixels] <= reach).sum()), count
