"""What the network predicts for an image, with the image and its mask, as a file.

The probabilities are rounded to float16, which moves the energy of one above 6e-5 by less than
0.0005; the labels are those before rounding.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from tf_image_segmentation.atomic import replacing
from tf_image_segmentation.errors import DataError

_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def cache_file(folder: Path, number: int) -> Path:
    """Returns the file of image ``number``; ids would not do, as they may hold any character."""
    return folder / f"{number:06}.npz"


def cache_bytes(pixels: int, num_classes: int) -> int:
    """Returns what the files of images with so many pixels take, less a kilobyte each."""
    # Two bytes a probability, three of the image, one of the mask and one of the labels.
    return pixels * (2 * num_classes + 5)


def store(
    path: Path, image: np.ndarray, mask: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
) -> None:
    """Writes a file.

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
