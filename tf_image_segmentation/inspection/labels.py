"""Names and colors of mask values, for datasets that name them and for records that do not."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.inference.visualization import IGNORE_COLOR, Palette, generic_palette

_GENERIC_COLORS = 64


def palette_of(info: DatasetInfo | None) -> Palette:
    """Returns the color of each class id."""
    return generic_palette(_GENERIC_COLORS) if info is None else info.palette


def color_of(info: DatasetInfo | None, label: int) -> tuple[int, int, int]:
    """Returns the color of a mask value."""
    palette = palette_of(info)
    return palette[label] if label < len(palette) else IGNORE_COLOR


def labels_to_show(info: DatasetInfo | None, label_pixels: Iterable[np.ndarray]) -> list[int]:
    """Returns every class id and whatever else occurs in one of the counts (int64 [256])."""
    occurring = {int(label) for pixels in label_pixels for label in np.flatnonzero(pixels)}
    return sorted({*range(0 if info is None else info.num_classes), *occurring})
