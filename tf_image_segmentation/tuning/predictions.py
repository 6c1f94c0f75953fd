"""The network's prediction of each image: written to a file once, refined by workers many times.

Probabilities are rounded to float16, which moves the energy of one above 6e-5 by less than 0.0005;
labels are those before rounding. TensorFlow is loaded on use, so that workers start at once.
"""

from __future__ import annotations

import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tqdm import tqdm

from tf_image_segmentation.atomic import replacing
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.counts import Counts
from tf_image_segmentation.inference.crf import CrfParameters, refine
from tf_image_segmentation.inference.options import WINDOW, PredictionOptions

if TYPE_CHECKING:
    from tf_image_segmentation.models.network import Network
    from tf_image_segmentation.tfrecords.records import Records


def checked_ids(records: Records, info: DatasetInfo, options: PredictionOptions) -> list[str]:
    """Returns the ids of all images; reads all records, so that what is wrong shows at once.

    Raises:
        DataError: a record is damaged, a mask holds an id that is no class, there is no labeled
            pixel, or an image is so large that it would be predicted, and refined, in windows.
    """
    image_ids = []
    counts = Counts([], info.num_classes, info.ignore_label)
    for image, mask, image_id in records.examples():
        if not options.whole(image):
            raise DataError(
                f"image {image_id}: {image.shape[0]} x {image.shape[1]} pixels (height x width) "
                f"are predicted in windows, and the search needs images of at most "
                f"{2 * WINDOW**2:,} pixels; convert smaller ones"
            )
        counts.update(mask, np.zeros_like(mask), f"{records.files[0].parent}: image {image_id}")
        image_ids.append(image_id)
    counts.results()  # raises where nothing is labeled
    return image_ids


def checksums(checkpoint: str, records: Records) -> dict[str, str | list[str]]:
    """Returns what tells the weights and the images apart from others, as JSON types.

    Raises:
        DataError: there is no such checkpoint.
    """
    from tf_image_segmentation.models import checkpoints
    from tf_image_segmentation.tfrecords.manifest import file_sha256

    prefix = checkpoints.resolve(Path(checkpoint))
    index = Path(f"{prefix}.index")  # has a checksum of every tensor
    digest = file_sha256(index if index.is_file() else prefix)
    return {
        "checkpoint": f"{prefix.name}, SHA-256 {digest}",
        "records": [shard.sha256 or file_sha256(shard.path) for shard in records.shards],
    }


def prediction_file(folder: Path, number: int) -> Path:
    """Returns the file of image ``number``; ids would not do, as they may hold any character."""
    return folder / f"{number:06}.npz"


def store(
    path: Path, image: np.ndarray, mask: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
) -> None:
    """Writes the file of an image, uint8 [height, width, 3], RGB.

    The true labels (``mask``) and the predicted ones are uint8 [height, width], the probabilities
    float [height, width, num_classes].
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        rounded = probabilities.astype(np.float16)
        np.savez(file, image=image, mask=mask, labels=labels, probabilities=rounded)


def load(path: Path, *names: str) -> list[np.ndarray]:
    """Reads arrays of a file, by the names that `store` has for them.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in names]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: cannot be read ({error}); remove it and give the same command again"
        ) from error


def predict(
    folder: Path, numbers: set[int], records: Records, options: PredictionOptions, network: Network
) -> None:
    """Writes the files of the images ``numbers`` of ``records``, each predicted whole.

    Raises:
        DataError: a record is damaged, memory runs out, or the network's output is not finite.
    """
    from tf_image_segmentation.inference.stream import Item, predict_each

    items = (
        Item(image_id, image, (prediction_file(folder, number), mask))
        for number, (image, mask, image_id) in enumerate(records.examples())
        if number in numbers
    )
    predicted = predict_each(network, items, replace(options, probabilities=True))
    for item, (block,) in tqdm(predicted, "predict", len(numbers), unit="image"):
        assert block.probabilities is not None
        if not np.isfinite(block.probabilities).all():
            raise DataError(
                f"image {item.name}: the network's output is not finite, so the checkpoint is of a "
                "failed training; give another one"
            )
        file, mask = item.data
        store(file, item.image, mask, block.labels, block.probabilities)


class Task(NamedTuple):
    """The file of an image, and parameters; None for the network's own labels."""

    file: Path
    parameters: CrfParameters | None


class Refined(NamedTuple):
    """Labels, uint8 [height, width], and the seconds that reading and refining took."""

    labels: np.ndarray
    seconds: float


def refine_stored(task: Task) -> Refined:
    """Returns the labels of an image after the dense CRF.

    Raises:
        DataError: the file is missing or damaged, or pydensecrf is not installed.
    """
    start = time.perf_counter()
    if task.parameters is None:
        (labels,) = load(task.file, "labels")
    else:
        image, probabilities = load(task.file, "image", "probabilities")
        labels = refine(image, probabilities, task.parameters).argmax(axis=-1).astype(np.uint8)
    return Refined(labels, time.perf_counter() - start)
