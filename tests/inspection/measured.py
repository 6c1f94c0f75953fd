"""Measurements of made-up images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from tf_image_segmentation.inspection.measurement import Position, measure
from tf_image_segmentation.inspection.statistics import SplitStatistics

ImageAndMask = tuple[np.ndarray, np.ndarray]


def statistics_of(split: str, examples: Sequence[ImageAndMask]) -> SplitStatistics:
    """Statistics of images and masks, which are called "<split>0", "<split>1" and so on."""
    statistics = SplitStatistics()
    for number, (image, mask) in enumerate(examples):
        statistics.update(measure(Position(split, number), f"{split}{number}", image, mask))
    return statistics


def smooth(seed: int, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    """An image of a few random waves, which survives resizing as photos do."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC))
