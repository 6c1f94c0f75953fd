"""Evaluates several networks on the same records, with pictures side by side."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

import numpy as np

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.evaluation.confusion_matrix import Metrics
from tf_image_segmentation.evaluation.evaluate import evaluate, predictions
from tf_image_segmentation.inference.options import Views
from tf_image_segmentation.inference.stream import CrfWork
from tf_image_segmentation.inference.visualization import colorize, side_by_side
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.tfrecords.reader import Records


def compare(
    networks: Mapping[str, Network],
    records: Records,
    info: DatasetInfo,
    views: Views | None = None,
    crf: CrfWork | None = None,
) -> dict[str, Metrics]:
    """Returns the metrics of each network over all records, by its name."""
    evaluations = {
        name: evaluate(network, records, info.ignore_label, views, crf, progress=True)
        for name, network in networks.items()
    }
    return {name: evaluation.refined.metrics() for name, evaluation in evaluations.items()}


def picture(
    networks: Mapping[str, Network],
    records: Records,
    info: DatasetInfo,
    num_images: int = 8,
    views: Views | None = None,
    crf: CrfWork | None = None,
) -> np.ndarray:
    """Draws the first images in rows: image, truth, then the prediction of each network.

    Returns:
        RGB, uint8 [height, width, 3].
    """
    columns: list[list[np.ndarray]] = []
    for network in networks.values():
        shown = list(islice(predictions(network, records, views, crf), num_images))
        if not columns:
            columns.append([prediction.image for prediction in shown])
            columns.append([colorize(prediction.mask, info.palette) for prediction in shown])
        columns.append([colorize(prediction.refined, info.palette) for prediction in shown])
    return side_by_side(list(zip(*columns, strict=True)), ["image", "truth", *networks])
