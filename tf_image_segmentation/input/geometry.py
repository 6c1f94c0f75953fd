"""Ops that mirror and resize."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.input.operations import ImageAndMask, register_augmentation
from tf_image_segmentation.input.seeds import split_seed
from tf_image_segmentation.registry import choose

_FLIP_AXES = {"horizontal": (1,), "vertical": (0,), "both": (0, 1)}


@register_augmentation(reads_labels=False)
def flip(
    image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor, direction: str = "horizontal"
) -> ImageAndMask:
    """Mirrors image and mask with probability 0.5.

    Args:
        image: [height, width, 3], any dtype.
        mask: [height, width].
        seed: int32 [2].
        direction: "horizontal" (left to right), "vertical", or "both", each with probability 0.5.
    """
    axes = choose("direction of flips", direction, _FLIP_AXES)
    for axis, axis_seed in zip(axes, split_seed(seed, len(axes)), strict=True):
        image, mask = _flip_along(axis, image, mask, axis_seed)
    return image, mask


def _flip_along(axis: int, image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor) -> ImageAndMask:
    return tf.cond(
        tf.random.stateless_uniform([], seed) < 0.5,
        lambda: (tf.reverse(image, axis=[axis]), tf.reverse(mask, axis=[axis])),
        lambda: (image, mask),
    )


@register_augmentation(reads_labels=False)
def scale(
    image: tf.Tensor,
    mask: tf.Tensor,
    seed: tf.Tensor,
    range: Sequence[float] = (0.9, 1.1),
) -> ImageAndMask:
    """Resizes both by one factor drawn uniformly from ``range``, at least to 1x1.

    Raises:
        DataError: ``range`` is not two positive factors in order.
    """
    if len(range) != 2 or not 0 < range[0] <= range[1] < float("inf"):
        raise DataError(f"augmentation 'scale': range must be two factors in order, got {range}")
    factor = tf.random.stateless_uniform([], seed, range[0], range[1])
    size = tf.cast(tf.shape(mask), tf.float32) * factor
    return resize(image, mask, tf.maximum(tf.cast(tf.round(size), tf.int32), 1))


def resize(image: tf.Tensor, mask: tf.Tensor, size: tf.Tensor) -> ImageAndMask:
    """Resizes to ``size``, int32 [height, width]: the image bilinearly, the mask to the nearest."""
    size = tf.convert_to_tensor(size, tf.int32)
    return tf.image.resize(image, size, method="bilinear"), _resize_mask(mask, size)


def _resize_mask(mask: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Takes the pixels that ``tf.image.resize`` takes as the nearest, which is slow for masks."""
    rows, columns = (_nearest(tf.shape(mask)[axis], size[axis]) for axis in (0, 1))
    # Columns are taken pixel by pixel and rows as a whole, so rows can wait. Transposing, to take
    # columns as rows, too, would be faster, but it makes oneDNN log an error about 8-bit numbers.
    return tf.gather(tf.gather(mask, columns, axis=1), rows)


def _nearest(length: tf.Tensor, new_length: tf.Tensor) -> tf.Tensor:
    """Returns int32 [new_length], the pixel of a line that each pixel of the resized line shows."""
    step = tf.cast(length, tf.float32) / tf.cast(new_length, tf.float32)
    centers = (tf.cast(tf.range(new_length), tf.float32) + 0.5) * step
    return tf.minimum(tf.cast(centers, tf.int32), length - 1)
