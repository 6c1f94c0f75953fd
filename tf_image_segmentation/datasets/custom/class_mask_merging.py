"""Merges masks of one class each into one mask of class ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.custom.files import image_reader
from tf_image_segmentation.datasets.decode.masks import read_mask
from tf_image_segmentation.datasets.decode.pixels import image_size
from tf_image_segmentation.errors import DataError

IGNORE_LABEL = 255


def merge_masks(
    path: Path, *, max_pixels: int, parts: Sequence[tuple[Path, int]], image: Path
) -> np.ndarray:
    """Returns the class ids of an image.

    Larger masks come first and smaller ones over them, so that what lies on a table is not lost
    under it; equally large ones in the order of their classes. A mask holds 0 and one other value;
    one with more values is of gray edges, and 128 and more are inside.

    Args:
        path: of the first mask, for messages.
        max_pixels: largest height * width.
        parts: paths of the masks, each with its class id.
        image: the image, which tells the size where there are no masks.

    Returns:
        uint8 [height, width]; what is in no mask is 0.

    Raises:
        DataError: a mask cannot be read, has colors, or is of another size than the first.
    """
    drawn = [(_inside(part, max_pixels), label, part) for part, label in parts]
    if not drawn:
        size = image_size(image, max_pixels=max_pixels, reader=image_reader(image))
        return np.zeros(size, np.uint8)
    labels: np.ndarray = np.zeros(drawn[0][0].shape, np.uint8)
    for inside, label, part in sorted(drawn, key=lambda each: (-int(each[0].sum()), each[1])):
        if inside.shape != labels.shape:
            raise DataError(
                f"{part}: has {inside.shape[0]} x {inside.shape[1]} pixels (height x width), but "
                f"{path} {labels.shape[0]} x {labels.shape[1]}; export them again"
            )
        labels[inside] = label
    return labels


def _inside(path: Path, max_pixels: int) -> np.ndarray:
    values = read_mask(path, max_pixels=max_pixels)
    if values.ndim == 3:
        colors, alpha = np.split(values, [3], axis=2)
        if (colors != colors[:, :, :1]).any():
            raise DataError(f"{path}: has colors; a mask of one class is black and white")
        values = np.where(alpha.all(axis=2), colors[:, :, 0], 0)
    found = np.unique(values)
    return values > 0 if len(found[found > 0]) <= 1 else values >= 128
