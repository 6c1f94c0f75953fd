"""A network whose prediction is known: the class of a pixel by its red."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from PIL import Image

from tf_image_segmentation.models.registry import MODELS

PALETTE = ((0, 0, 0), (10, 200, 30), (200, 100, 50))


class Reds:
    """Stands in for a network: the class of a pixel by its red, 0, 100 or 200."""

    num_classes = 3
    threshold = None
    spec = MODELS["fcn_32s"]
    class_names: tuple[str, ...] | None = ("background", "window", "door")
    palette = PALETTE
    intensity_range = None

    def __call__(self, images):
        return -tf.abs(images[..., :1] - [0.0, 100.0, 200.0]) / 10


class Scenes(Reds):
    """One without a background."""

    class_names = ("sky", "window", "door")


def picture_of(labels: np.ndarray) -> np.ndarray:
    """An image that is predicted as ``labels``."""
    image = np.zeros((*labels.shape, 3), np.uint8)
    image[..., 0] = labels * 100
    return image


def save_picture(path, labels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture_of(labels)).save(path, **options)
    return path
