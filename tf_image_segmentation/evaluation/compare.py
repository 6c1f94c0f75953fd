"""Evaluates several networks on the same records, with pictures side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.evaluation.evaluate import Prediction, evaluate
from tf_image_segmentation.evaluation.metrics import DEFAULT_METRICS, Results
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.inference.visualization import colorize, side_by_side
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.registry import Part
from tf_image_segmentation.tfrecords.reader import Records


class Comparison(NamedTuple):
    """The metrics of each network by its name, and columns of pictures by their titles."""

    metrics: dict[str, Results]
    columns: dict[str, list[np.ndarray]]

    def picture(self) -> np.ndarray:
        """Draws images in rows: image, truth, then the prediction of each network.

        Returns:
            RGB, uint8 [height, width, 3].
        """
        rows = list(zip(*self.columns.values(), strict=True))
        return side_by_side(rows, list(self.columns))


def compare(
    networks: Mapping[str, Network],
    records: Records,
    info: DatasetInfo,
    options: PredictionOptions | None = None,
    num_images: int = 0,
    metrics: Sequence[Part] = DEFAULT_METRICS,
) -> Comparison:
    """Evaluates each network on all records.

    Args:
        networks: by their names.
        records: examples with masks.
        info: the dataset.
        options: how images are predicted; None for the defaults.
        num_images: of how many images, the first ones, pictures are kept.
        metrics: what to compute.

    Raises:
        DataError: as `evaluate`.
    """
    results: dict[str, Results] = {}
    columns: dict[str, list[np.ndarray]] = {}
    for name, network in networks.items():
        shown: list[Prediction] = []

        def keep(prediction: Prediction, shown: list[Prediction] = shown) -> None:
            if len(shown) < num_images:
                shown.append(prediction)

        evaluation = evaluate(
            network, records, info.ignore_label, options, True, observe=keep, metrics=metrics
        )
        results[name] = evaluation.refined_results(metrics)
        if not columns:
            columns["image"] = [prediction.image for prediction in shown]
            columns["truth"] = [colorize(prediction.mask, info.palette) for prediction in shown]
        columns[name] = [colorize(prediction.refined, info.palette) for prediction in shown]
    return Comparison(results, columns)
