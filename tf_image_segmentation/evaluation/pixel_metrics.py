"""The built-in metrics that follow from the confusion matrix.

With tp_i the pixels of class i that are right, t_i the labeled and p_i the predicted ones:

    iou        tp_i / (t_i + p_i - tp_i)        precision   tp_i / p_i
    dice       2 tp_i / (t_i + p_i)             recall      tp_i / t_i
"""

from __future__ import annotations

import numpy as np

from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.evaluation.metrics import register_metric


@register_metric
def pixel_accuracy(confusion: ConfusionMatrix) -> float:
    """Share of labeled pixels that are right."""
    return confusion.metrics().pixel_accuracy


@register_metric
def mean_pixel_accuracy(confusion: ConfusionMatrix) -> float:
    """Mean of `accuracy` over classes."""
    return confusion.metrics().mean_pixel_accuracy


@register_metric
def mean_iou(confusion: ConfusionMatrix) -> float:
    """Mean of `iou` over classes."""
    return confusion.metrics().mean_iou


@register_metric
def frequency_weighted_iou(confusion: ConfusionMatrix) -> float:
    """Mean of `iou` over labeled pixels."""
    return confusion.metrics().frequency_weighted_iou


@register_metric
def iou(confusion: ConfusionMatrix) -> np.ndarray:
    """Intersection over union of each class."""
    return confusion.metrics().per_class_iou


@register_metric
def accuracy(confusion: ConfusionMatrix) -> np.ndarray:
    """Share of each class's pixels that are right."""
    return confusion.metrics().per_class_accuracy


@register_metric
def dice(confusion: ConfusionMatrix) -> np.ndarray:
    """Dice coefficient of each class, which is its F1 score."""
    labeled, predicted = confusion.matrix.sum(axis=1), confusion.matrix.sum(axis=0)
    return _share(2 * np.diag(confusion.matrix), labeled + predicted)


@register_metric
def precision(confusion: ConfusionMatrix) -> np.ndarray:
    """Share of the pixels predicted as each class that are of it."""
    return _share(np.diag(confusion.matrix), confusion.matrix.sum(axis=0))


@register_metric
def recall(confusion: ConfusionMatrix) -> np.ndarray:
    """Share of each class's pixels that are found; another name of `accuracy`."""
    return _share(np.diag(confusion.matrix), confusion.matrix.sum(axis=1))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
