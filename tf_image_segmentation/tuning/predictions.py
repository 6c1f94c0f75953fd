"""Reads the records once to check them, and lets the network predict each image once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.inference.options import WINDOW, PredictionOptions
from tf_image_segmentation.inference.stream import Item, predict_each
from tf_image_segmentation.models import checkpoints
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.tfrecords.manifest import file_sha256
from tf_image_segmentation.tfrecords.reader import Records
from tf_image_segmentation.tuning.refining import prediction_file, store


def checked_ids(records: Records, info: DatasetInfo, options: PredictionOptions) -> tuple[str, ...]:
    """Returns the ids of all images; reads all records, so that what is wrong shows at once.

    Raises:
        DataError: a record is damaged, a mask holds an id that is no class, there is no labeled
            pixel, or an image is so large that it would be predicted, and refined, in windows.
    """
    image_ids = []
    matrix = ConfusionMatrix(info.num_classes, info.ignore_label)
    for image, mask, image_id in records.examples():
        if not options.whole(image):
            raise DataError(
                f"image {image_id}: {image.shape[0]} x {image.shape[1]} pixels (height x width) "
                f"are predicted in windows, and the search needs images of at most "
                f"{2 * WINDOW**2:,} pixels; convert smaller ones"
            )
        try:
            matrix.update(mask, np.zeros_like(mask))
        except ValueError as error:
            raise DataError(
                f"{records.files[0].parent}: image {image_id}: {error}; convert the dataset again"
            ) from error
        image_ids.append(image_id)
    matrix.metrics()  # raises where nothing is labeled
    return tuple(image_ids)


def identity(checkpoint: str, records: Records, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns all that the scores depend on, as JSON types.

    Raises:
        DataError: there is no such checkpoint.
    """
    prefix = checkpoints.resolve(Path(checkpoint))
    index = Path(f"{prefix}.index")  # has a checksum of every tensor
    digest = file_sha256(index if index.is_file() else prefix)
    return {
        "checkpoint": f"{prefix.name}, SHA-256 {digest}",
        "records": [shard.sha256 or file_sha256(shard.path) for shard in records.shards],
        **settings,
    }


def missing_images(folder: Path, count: int) -> set[int]:
    """Returns the numbers of the images that are not predicted yet."""
    return {n for n in range(count) if not prediction_file(folder, n).is_file()}


def predict_missing(
    folder: Path, records: Records, count: int, options: PredictionOptions, network: Network | None
) -> None:
    """Predicts the images that have no file in ``folder`` yet, and writes their files.

    Args:
        folder: that exists, for one process at a time.
        records: the images and their masks.
        count: number of images.
        options: how the images are predicted, whole.
        network: may be None where no file is missing.

    Raises:
        DataError: a record is damaged, memory runs out, or the network's output is not finite.
    """
    missing = missing_images(folder, count)
    if network is None or not missing:
        return
    items = (
        Item(image_id, image, (number, mask))
        for number, (image, mask, image_id) in enumerate(records.examples())
        if number in missing
    )
    with tqdm(total=count, initial=count - len(missing), desc="predict", unit="image") as bar:
        for item, (block,) in predict_each(network, items, replace(options, probabilities=True)):
            number, mask = item.data
            assert block.probabilities is not None
            if not np.isfinite(block.probabilities).all():
                raise DataError(
                    f"image {item.name}: the network's output is not finite, so the checkpoint is "
                    "of a failed training; give another one"
                )
            file = prediction_file(folder, number)
            store(file, item.image, mask, block.labels, block.probabilities)
            bar.update()
