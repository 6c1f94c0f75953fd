"""Evaluates a network on records: every image at its own size, one confusion matrix for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.inference import predict_labels
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.tfrecords.reader import Records

# Takes a network and an image as `predict_labels` does, and returns the labels.
Predict = Callable[[Network, np.ndarray], np.ndarray]


def predictions(
    network: Network,
    records: Records,
    predict: Predict = predict_labels,
    progress: bool = False,
    worker: int = 0,
    workers: int = 1,
) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Yields image id, image, true mask and predicted labels of every example, one at a time.

    Of several ``workers``, number ``worker`` gets every ``workers``-th example.
    """
    with tqdm(
        total=records.num_examples, desc="evaluate", unit="image", disable=not progress
    ) as bar:
        for image, mask, image_id in records.examples(worker=worker, workers=workers):
            try:
                predicted = predict(network, image)
            except tf.errors.ResourceExhaustedError as error:
                raise DataError(
                    f"image {image_id}: out of memory at {image.shape[0]} x {image.shape[1]} "
                    "pixels (height x width); use smaller images or a machine with more memory"
                ) from error
            yield image_id, image, mask, predicted
            bar.update()


def evaluate(
    network: Network,
    records: Records,
    ignore_label: int | None,
    predict: Predict = predict_labels,
    progress: bool = False,
    worker: int = 0,
    workers: int = 1,
) -> ConfusionMatrix:
    """Counts the predictions for every example of ``records``.

    Args:
        network: the network to evaluate, with its weights restored.
        records: examples with masks.
        ignore_label: mask value of pixels without a label.
        predict: gives the labels of an image, uint8 [height, width].
        progress: whether a progress bar is shown.
        worker: of several workers, the one that asks; it counts its share of the examples.
        workers: how many there are; the sum of their matrices counts every example once.

    Raises:
        DataError: a record is damaged, or a mask holds an id that the network has no class for; the
            message has the file or the image.
    """
    matrix = ConfusionMatrix(network.num_classes, ignore_label)
    for image_id, _, mask, predicted in predictions(
        network, records, predict, progress, worker, workers
    ):
        try:
            matrix.update(mask, predicted)
        except ValueError as error:
            raise DataError(
                f"{records.files[0].parent}: image {image_id}: {error}; evaluate a model of this "
                "data set's classes, or convert the data set again"
            ) from error
    return matrix
