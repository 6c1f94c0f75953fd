"""Images with rare classes are seen several times an epoch.

Source: Gupta, Dollar and Girshick, "LVIS: A Dataset for Large Vocabulary Instance Segmentation",
CVPR 2019, section "Repeat factor sampling".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tf_image_segmentation.tfrecords.files import read_shard
from tf_image_segmentation.tfrecords.reader import Part

Repeats = Mapping[str, int]
"""How often the example of each record name is seen in an epoch."""


def classes_present(part: Part) -> dict[str, np.ndarray]:
    """Returns which labels each mask has, bool [256], by record name.

    Raises:
        tf.errors.OpError: a record is damaged.
    """

    def present(serialized: tf.Tensor, name: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mask = tf.cast(part.parse(serialized, name).mask, tf.int32)
        return name, tf.math.bincount(tf.reshape(mask, [-1]), minlength=256) > 0

    files = tf.data.Dataset.from_tensor_slices([str(shard.path) for shard in part.shards])
    found = files.flat_map(read_shard).map(present, num_parallel_calls=tf.data.AUTOTUNE)
    return {name.decode(): labels for name, labels in found.as_numpy_iterator()}


def repeat_factors(present: np.ndarray, threshold: float) -> np.ndarray:
    """Returns how often each image should be seen, relative to one without rare classes.

    A class in a share ``f`` of the images asks for ``max(1, sqrt(threshold / f))``; an image gets
    the largest number that one of its classes asks for.

    Args:
        present: bool [images, classes].
        threshold: share of images below which a class is rare, 0..1.

    Returns:
        float64 [images], 1 or more.
    """
    shares = present.mean(axis=0)
    of_class = np.sqrt(threshold / np.where(shares > 0, shares, 1.0))
    return np.maximum(1.0, (present * of_class).max(axis=1))


def repeats_of(part: Part, num_classes: int, threshold: float, seed: int) -> Repeats:
    """Returns how often each example of a part is seen in an epoch.

    The fraction of a factor is rounded up as often as it is large, for each image once and for all,
    so that all epochs have one length.

    Args:
        part: the records.
        num_classes: labels from this number on, such as the ignore label, are no classes.
        threshold: see `repeat_factors`.
        seed: decides the rounding.
    """
    present = classes_present(part)
    factors = repeat_factors(np.array([*present.values()])[:, :num_classes], threshold)
    draws = np.random.default_rng(seed).random(len(factors))
    return dict(zip(present, np.floor(factors + draws).astype(int).tolist(), strict=True))
