"""What is kept of an image and its prediction, and what worker processes do with it.

Probabilities are rounded to float16, which moves the energy of one above 6e-5 by less than 0.0005;
labels are those before rounding. Nothing here loads TensorFlow, so that workers start at once.
"""

from __future__ import annotations

import time
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_image_segmentation.atomic import replacing
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters, refine

_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def prediction_file(folder: Path, number: int) -> Path:
    """Returns the file of image ``number``; ids would not do, as they may hold any character."""
    return folder / f"{number:06}.npz"


def store(
    path: Path, image: np.ndarray, mask: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
) -> None:
    """Writes the file of an image.

    Args:
        path: of the file.
        image: uint8 [height, width, 3], RGB.
        mask: true labels, uint8 [height, width].
        labels: predicted labels, uint8 [height, width].
        probabilities: float [height, width, num_classes], 0..1.
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
    except _UNREADABLE as error:
        raise DataError(
            f"{path}: cannot be read ({error}); remove it and give the same command again"
        ) from error


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
