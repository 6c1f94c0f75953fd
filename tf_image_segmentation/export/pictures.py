"""The images that exports are checked on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.decode.images import decode_image
from tf_image_segmentation.datasets.lists import list_images
from tf_image_segmentation.errors import DataError


def sample_pictures() -> list[np.ndarray]:
    """Returns three photographs of three sizes that are installed with scikit-image.

    Returns:
        uint8 [height, width, 3], RGB: 512 x 512, 300 x 451 and 400 x 600 pixels.
    """
    from skimage import data

    return [data.astronaut(), data.chelsea(), data.coffee()]


def read_pictures(paths: Sequence[Path], count: int) -> list[np.ndarray]:
    """Reads ``count`` images, evenly from all that there are.

    Args:
        paths: image files, and folders of them.
        count: how many to read at most, at least 1.

    Returns:
        uint8 [height, width, 3] each, RGB.

    Raises:
        DataError: there is no image, one cannot be read, or ``count`` is below 1.
    """
    if count < 1:
        raise DataError(f"at least one image must be checked (--num-check-images), got {count}")
    files = [file for path in paths for file in list_images(path)]
    if not files:
        raise DataError(f"{', '.join(map(str, paths))}: no JPEG or PNG image to check with there")
    count = min(count, len(files))
    return [decode_image(files[number * len(files) // count]) for number in range(count)]
