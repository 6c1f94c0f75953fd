"""Evaluates several networks on the same records, with pictures side by side."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

import numpy as np

from tf_image_segmentation.datasets.dataset import DatasetInfo
from tf_image_segmentation.evaluation.confusion_matrix import Metrics
from tf_image_segmentation.evaluation.evaluator import Predict, evaluate, predictions
from tf_image_segmentation.inference import predict_labels
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.tfrecords.reader import Records
from tf_image_segmentation.visualization import colorize, side_by_side


def compare(
    networks: Mapping[str, Network],
    records: Records,
    info: DatasetInfo,
    predict: Predict = predict_labels,
) -> dict[str, Metrics]:
    """Returns the metrics of each network over all records, by its name."""
    return {
        name: evaluate(network, records, info.ignore_label, predict, progress=True).metrics()
        for name, network in networks.items()
    }


def picture(
    networks: Mapping[str, Network],
    records: Records,
    info: DatasetInfo,
    num_images: int = 8,
    predict: Predict = predict_labels,
) -> np.ndarray:
    """Draws the first images in rows: image, truth, then the prediction of each network.

    Returns:
        RGB, uint8 [height, width, 3].
    """
    columns: list[list[np.ndarray]] = []
    for network in networks.values():
        examples = list(islice(predictions(network, records, predict), num_images))
        if not columns:
            columns.append([image for _, image, _, _ in examples])
            columns.append([colorize(mask, info.palette) for _, _, mask, _ in examples])
        columns.append([colorize(predicted, info.palette) for *_, predicted in examples])
    return side_by_side(list(zip(*columns, strict=True)), ["image", "truth", *networks])
