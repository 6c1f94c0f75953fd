"""Looks through the records, and lets the network predict each image once."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

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
from tf_image_segmentation.tuning import cache


class Survey(NamedTuple):
    """The ids of all images in order, and how many pixels they have together."""

    image_ids: tuple[str, ...]
    pixels: int


def survey(records: Records, info: DatasetInfo, options: PredictionOptions) -> Survey:
    """Reads all records once, so that what is wrong with them shows before hours are spent.

    Raises:
        DataError: a record is damaged, a mask holds an id that is no class, there is no labeled
            pixel, or an image is so large that it would be predicted, and refined, in windows.
    """
    image_ids, pixels = [], 0
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
        pixels += mask.size
    matrix.metrics()  # raises where nothing is labeled
    return Survey(tuple(image_ids), pixels)


def identity(
    checkpoint: str, records: Records, survey: Survey, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns all that the scores depend on, as JSON types.

    Raises:
        DataError: there is no such checkpoint.
    """
    prefix = checkpoints.resolve(Path(checkpoint))
    index = Path(f"{prefix}.index")  # has a checksum of every tensor
    digest = file_sha256(index if index.is_file() else prefix)
    files = zip(records.files, records.sha256, strict=True)
    return {
        "checkpoint": f"{prefix.name}, SHA-256 {digest}",
        "records": _sha256(sha256 or file_sha256(file) for file, sha256 in files),
        "image_ids": f"{len(survey.image_ids)}, SHA-256 {_sha256(survey.image_ids)}",
        **settings,
    }


def _sha256(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def check_space(folder: Path, needed: int) -> str:
    """Returns a line on what the cache in ``folder`` will take.

    Raises:
        DataError: less is free.
    """
    there = sum(file.stat().st_size for file in folder.glob("*.npz"))
    free = shutil.disk_usage(folder).free
    if needed - there > free:
        raise DataError(
            f"{folder}: the network's predictions take {_gigabytes(needed)}, of which "
            f"{_gigabytes(there)} are there, and {_gigabytes(free)} are free; make room or use "
            "another --output-dir"
        )
    return f"the network's predictions take {_gigabytes(needed)} in {folder}"


def _gigabytes(number: int) -> str:
    return f"{number / 1e9:.2f} GB"


def missing_files(folder: Path, count: int) -> list[int]:
    """Returns the numbers of the images that have no file yet."""
    return [n for n in range(count) if not cache.cache_file(folder, n).is_file()]


def fill(
    folder: Path,
    records: Records,
    survey: Survey,
    options: PredictionOptions,
    network: Network | None,
) -> None:
    """Predicts the images that have no file in ``folder`` yet, and writes their files.

    Args:
        folder: that exists, for one process at a time.
        records: the images and their masks.
        survey: of these records.
        options: how the images are predicted, whole.
        network: may be None where no file is missing.

    Raises:
        DataError: a record is damaged, memory runs out, or the network's output is not finite.
    """
    missing = set(missing_files(folder, len(survey.image_ids)))
    if not missing:
        return
    assert network is not None
    items = (
        Item(image_id, image, (number, mask))
        for number, (image, mask, image_id) in enumerate(records.examples())
        if number in missing
    )
    total = len(survey.image_ids)
    done = total - len(missing)
    with tqdm(total=total, initial=done, desc="predict", unit="image") as bar:
        for item, (block,) in predict_each(network, items, replace(options, probabilities=True)):
            number, mask = item.data
            probabilities = block.probabilities
            assert probabilities is not None
            if not np.isfinite(probabilities).all():
                raise DataError(
                    f"image {item.name}: the network's output is not finite, so the checkpoint is "
                    "of a failed training; give another one"
                )
            file = cache.cache_file(folder, number)
            cache.store(file, item.image, mask, block.labels, probabilities)
            bar.update()
