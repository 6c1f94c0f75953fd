"""Chooses the decision threshold of a model of two classes by a metric."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.evaluation.metrics import compute_metrics
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.inference.stream import Item, predict_each
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.registry import Part
from tf_image_segmentation.tfrecords.reader import Records

GRID = np.arange(1, 1000, dtype=np.float32) / np.float32(1000)
"""The thresholds that are compared, 0.001 to 0.999."""


class ThresholdCounts:
    """Counts labeled pixels by class and probability, so that each threshold can be measured.

    Args:
        label: class whose probability is counted, 0 or 1.
        ignore_label: label of pixels that are left out, or None.

    Attributes:
        counts: int64 [2, 1000]: pixels of each class by how many thresholds of `GRID` they reach.
    """

    def __init__(self, label: int, ignore_label: int | None) -> None:
        self.label, self.ignore_label = label, ignore_label
        self.counts = np.zeros((2, len(GRID) + 1), np.int64)

    def update(self, labels: np.ndarray, probabilities: np.ndarray) -> None:
        """Adds an image.

        Args:
            labels: integers [height, width], 0, 1 or the ignore label.
            probabilities: float32 [height, width], of the class ``label``.

        Raises:
            ValueError: a label is none of these.
        """
        reached = np.searchsorted(GRID, probabilities, side="right")
        for true in (0, 1):
            found = reached[labels == true]
            self.counts[true] += np.bincount(found, minlength=len(GRID) + 1)
        known = (labels == 0) | (labels == 1)
        if self.ignore_label is not None:
            known |= labels == self.ignore_label
        if not known.all():
            raise ValueError(f"labels must be 0 or 1, found {np.unique(labels[~known]).tolist()}")

    def confusion(self, number: int) -> ConfusionMatrix:
        """Returns the confusion matrix of the threshold ``GRID[number]``."""
        below, above = self.counts[:, : number + 1].sum(axis=1), self.counts[:, number + 1 :]
        predicted = [below, above.sum(axis=1)]
        matrix = ConfusionMatrix(2, self.ignore_label)
        matrix.matrix[:, 1 - self.label], matrix.matrix[:, self.label] = predicted
        return matrix

    def values(self, metric: Part) -> np.ndarray:
        """Returns a metric at each threshold of `GRID`, float64; of the class, if it has one each.

        Raises:
            DataError: no pixel is of the class ``label``, or the metric needs whole images.
        """
        if not self.counts[self.label].sum():
            raise DataError(
                f"no labeled pixel is of class {self.label}, whose threshold is to be chosen; name "
                "records that show it"
            )
        found = []
        for number in range(len(GRID)):
            value = compute_metrics([metric], self.confusion(number))[metric.name]
            found.append(value[self.label] if isinstance(value, np.ndarray) else value)
        return np.array(found)


def best_threshold(values: np.ndarray) -> float:
    """Returns the threshold of the highest value; of equal ones, that nearest to 0.5.

    Args:
        values: one for each threshold of `GRID`; NaN is never best.
    """
    best = np.flatnonzero(values == np.nanmax(values))
    number = best[np.argmin(np.abs(GRID[best] - 0.5))]
    return float(number + 1) / 1000


def count_probabilities(
    network: Network,
    records: Records,
    label: int,
    ignore_label: int | None,
    options: PredictionOptions,
    progress: bool = False,
) -> ThresholdCounts:
    """Predicts all images and counts the probabilities of a class.

    Args:
        network: of two classes.
        records: examples with masks, which the network was not trained on.
        label: the class, 0 or 1.
        ignore_label: mask value of pixels without a label.
        options: how images are predicted; ``probabilities`` is set.
        progress: whether a progress bar is shown.

    Raises:
        DataError: a record is damaged, memory runs out, or a mask holds another id.
    """
    counts = ThresholdCounts(label, ignore_label)
    items = (Item(image_id, image, mask) for image, mask, image_id in records.examples())
    predicted = predict_each(network, items, options)
    total = records.num_examples
    for item, blocks in tqdm(predicted, "predict", total, unit="image", disable=not progress):
        for block in blocks:
            assert block.probabilities is not None
            try:
                truth = item.data[block.rows, block.columns]
                counts.update(truth, block.probabilities[..., label])
            except ValueError as error:
                raise DataError(f"image {item.name}: {error}; convert the dataset again") from error
    return counts
