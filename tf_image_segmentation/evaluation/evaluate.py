"""Evaluates a network on records: every image at its own size, one confusion matrix for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.evaluation.counts import Counts
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.inference.predict import join_blocks
from tf_image_segmentation.inference.stream import Item, predict_each
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.registry import Part
from tf_image_segmentation.tfrecords.reader import Records


class Prediction(NamedTuple):
    """An example and what is predicted for it.

    Attributes:
        image_id: of the example.
        image: uint8 [height, width, 3], RGB.
        mask: true labels, uint8 [height, width].
        labels: predicted labels, uint8 [height, width].
        refined: those after the dense CRF; without one, the same as ``labels``.
    """

    image_id: str
    image: np.ndarray
    mask: np.ndarray
    labels: np.ndarray
    refined: np.ndarray


class Evaluation(NamedTuple):
    """The counts before and after the dense CRF; without one, the same object twice.

    Attributes:
        counts: of the predictions.
        refined_counts: after the CRF.
    """

    counts: Counts
    refined_counts: Counts

    @property
    def matrix(self) -> ConfusionMatrix:
        """The confusion matrix of the predictions."""
        return self.counts.matrix

    @property
    def refined(self) -> ConfusionMatrix:
        """The confusion matrix after the CRF."""
        return self.refined_counts.matrix

    def results(self, parts: Sequence[Part]) -> dict[str, float | np.ndarray]:
        """Returns the metrics before the CRF, see `compute_metrics`."""
        return self.counts.results(parts)

    def refined_results(self, parts: Sequence[Part]) -> dict[str, float | np.ndarray]:
        """Returns the metrics after the CRF."""
        return self.refined_counts.results(parts)


def predictions(
    network: Network,
    records: Records,
    options: PredictionOptions | None = None,
    progress: bool = False,
) -> Iterator[Prediction]:
    """Yields the predictions for every example, one at a time."""
    items = (Item(image_id, image, mask) for image, mask, image_id in records.examples())
    with tqdm(
        total=records.num_examples, desc="evaluate", unit="image", disable=not progress
    ) as bar:
        for item, blocks in predict_each(network, items, options):
            labels, refined = join_blocks(item.image, blocks)
            yield Prediction(item.name, item.image, item.data, labels, refined)
            bar.update()


def evaluate(
    network: Network,
    records: Records,
    ignore_label: int | None,
    options: PredictionOptions | None = None,
    progress: bool = False,
    observe: Callable[[Prediction], None] | None = None,
    metrics: Sequence[Part] = (),
) -> Evaluation:
    """Counts the predictions for every example of ``records``.

    Args:
        network: the network to evaluate, with its weights restored.
        records: examples with masks.
        ignore_label: mask value of pixels without a label.
        options: how images are predicted; None for the defaults. With a CRF, predictions are
            counted before and after it.
        progress: whether a progress bar is shown.
        observe: called with each prediction, once its mask is known to fit.
        metrics: what is to be computed; those that need images are counted, too.

    Raises:
        DataError: a record is damaged, memory runs out, or a mask holds an id that the network has
            no class for; the message has the file or the image.
    """
    counts = refined = Counts(metrics, network.num_classes, ignore_label)
    if options is not None and options.crf is not None:
        refined = Counts(metrics, network.num_classes, ignore_label)
    for prediction in predictions(network, records, options, progress):
        place = f"{records.files[0].parent}: image {prediction.image_id}"
        counts.update(prediction.mask, prediction.labels, place)
        if refined is not counts:
            refined.update(prediction.mask, prediction.refined, place)
        if observe is not None:
            observe(prediction)
    return Evaluation(counts, refined)
