"""Evaluates a network on records: every image at its own size, one confusion matrix for all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from tqdm import tqdm

from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.evaluation.counts import Counts
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.inference.predict import join_blocks
from tf_image_segmentation.inference.stream import Item, predict_each
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.registry import Part
from tf_image_segmentation.tfrecords.reader import Records, open_records
from tf_image_segmentation.zoo.loading import load_model


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

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the final predictions, 0..1; `matrix.metrics()` has the other metrics."""
        return self.refined.metrics().mean_iou

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
    network: Network | str | os.PathLike[str],
    records: Records | str | os.PathLike[str],
    ignore_label: int | Literal["from_records"] | None = "from_records",
    options: PredictionOptions | None = None,
    progress: bool = False,
    observe: Callable[[Prediction], None] | None = None,
    metrics: Sequence[Part] = (),
    *,
    split: str = "val",
) -> Evaluation:
    """Counts the predictions for every example of ``records``.

    Example::

        result = evaluate("runs/rooms/model/last", "data/rooms")
        print(result.mean_iou)

    Args:
        network: the network to evaluate, with its weights restored; or what `load_model` opens: a
            checkpoint, or the name of a model that ships.
        records: examples with masks; or what `open_records` opens, whose classes must be those of
            the network: a folder, a file or a glob.
        ignore_label: mask value of pixels without a label, None where all have one;
            "from_records" is what their manifest says.
        options: how images are predicted; None for the defaults. With a CRF, predictions are
            counted before and after it.
        progress: whether a progress bar is shown.
        observe: called with each prediction, once its mask is known to fit.
        metrics: what is to be computed; those that need images are counted, too.
        split: what is evaluated of a folder of records.

    Raises:
        DataError: there is no such checkpoint, there are no such records, or their classes are not
            those of the network; a record is damaged, memory runs out, or a mask holds an id that
            the network has no class for; the message has the file or the image.
    """
    if not isinstance(records, Records):
        records = open_records(records, split)
    if isinstance(network, str | os.PathLike):
        network = load_model(network)
        if records.info is not None:
            records.info.check_model(network.num_classes, network.class_names)
    if ignore_label == "from_records":
        ignore_label = records.described_as(None).ignore_label
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
