"""Reading PNG masks that some authors save with one channel and some with three equal ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.decode.masks import read_mask
from tf_image_segmentation.errors import DataError


def read_gray_mask(path: Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads the values that a PNG mask stores: uint8 or uint16 [height, width].

    Raises:
        DataError: as `read_mask`, or if the mask has colors.
    """
    mask = read_mask(path, max_pixels=max_pixels)
    if mask.ndim == 2:
        return mask
    if (mask != mask[:, :, :1]).any():
        raise DataError(f"{path}: has colors, but this dataset's masks are gray; unpack it again")
    return mask[:, :, 0]
