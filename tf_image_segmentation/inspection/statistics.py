"""Statistics of a split, from measurements that come one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from tf_image_segmentation.inspection.measurement import Measurement

VGG_MEAN = (123.68, 116.78, 103.94)
"""Red, green and blue (0..255) that the models take off: the mean of VGG's training images."""


LEAST_SIDE = 32
"""The largest stride of the models in pixels."""


@dataclass(frozen=True)
class SeenImage:
    """What is kept of each image: its number in the split, its id, and what it looks like."""

    number: int
    image_id: str
    hash: np.ndarray | None
    digest: bytes


class SplitStatistics:
    """What is known of the examples of a split that could be read.

    Attributes:
        images: each of them, in the order in which they came.
        label_pixels: pixels of each mask value, int64 [256].
        label_images: images in which each mask value occurs, int64 [256].
        single_label: image ids by mask value, of images that have one value only.
        small: ids of images with a side under `LEAST_SIDE`.
        sizes: number of images of each height and width.
        color_pixels: pixels of each value of each channel, RGB, int64 [3, 256].
    """

    def __init__(self) -> None:
        self.images: list[SeenImage] = []
        self.label_pixels = np.zeros(256, np.int64)
        self.label_images = np.zeros(256, np.int64)
        self.single_label: dict[int, list[str]] = {}
        self.small: list[str] = []
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.color_pixels = np.zeros((3, 256), np.int64)

    def update(self, measured: Measurement) -> None:
        """Takes in an example."""
        self.images.append(
            SeenImage(measured.position.number, measured.image_id, measured.hash, measured.digest)
        )
        self.label_pixels += measured.label_pixels
        self.label_images += measured.label_pixels > 0
        labels = np.flatnonzero(measured.label_pixels)
        if len(labels) == 1:
            self.single_label.setdefault(int(labels[0]), []).append(measured.image_id)
        if min(measured.size) < LEAST_SIDE:
            self.small.append(measured.image_id)
        self.sizes[measured.size] += 1
        self.color_pixels += measured.color_pixels

    def color_means(self) -> np.ndarray:
        """Returns the mean of each channel over all pixels, float64 [3] in 0..255, RGB."""
        return self.color_pixels @ np.arange(256.0) / self.color_pixels.sum(axis=1)

    def color_deviations(self) -> np.ndarray:
        """Returns the standard deviation of each channel over all pixels, float64 [3]."""
        distances = np.arange(256.0) - self.color_means()[:, np.newaxis]
        squares = (self.color_pixels * distances**2).sum(axis=1)
        return np.sqrt(squares / self.color_pixels.sum(axis=1))
