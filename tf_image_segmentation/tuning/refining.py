"""What worker processes do: refine what is predicted for one image with one parameter set."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_image_segmentation.inference.crf import CrfParameters, refine
from tf_image_segmentation.tuning import cache


class Task(NamedTuple):
    """The file of an image, see `cache`, and the parameters; None for the network's own labels."""

    file: Path
    parameters: CrfParameters | None


class Refined(NamedTuple):
    """Labels, uint8 [height, width], and the seconds that reading and refining took."""

    labels: np.ndarray
    seconds: float


def refine_cached(task: Task) -> Refined:
    """Returns the labels of an image after the dense CRF.

    Raises:
        DataError: the file is missing or damaged, or pydensecrf is not installed.
    """
    start = time.perf_counter()
    if task.parameters is None:
        (labels,) = cache.load(task.file, "labels")
    else:
        image, probabilities = cache.load(task.file, "image", "probabilities")
        labels = refine(image, probabilities, task.parameters).argmax(axis=-1).astype(np.uint8)
    return Refined(labels, time.perf_counter() - start)
