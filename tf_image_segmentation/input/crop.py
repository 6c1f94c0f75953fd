"""Crops: the last step of each augmentation, and an op that favors windows with rare classes."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.input.operations import IGNORED, ImageAndMask, register_augmentation
from tf_image_segmentation.input.seeds import split_seed


def crop_or_pad(
    image: tf.Tensor,
    mask: tf.Tensor,
    seed: tf.Tensor,
    crop_size: Sequence[int],
    image_fill: Sequence[float],
    mask_fill: int = IGNORED,
) -> ImageAndMask:
    """Brings both to ``crop_size``: crops at random where larger, pads where smaller.

    Args:
        image: float [height, width, 3]; what stays of it keeps its values.
        mask: integer [height, width].
        seed: int32 [2].
        crop_size: height and width of the result.
        image_fill: color of padding; the model's ``pad_value`` makes it zero for the network.
        mask_fill: label of padding, that of ignored pixels, so that it is never learned from.
    """
    target, found = tf.constant(crop_size, tf.int32), tf.shape(mask)
    missing = tf.maximum(target - found, 0)
    # The image may lie anywhere in the padding, as the crop may lie anywhere in the image.
    pad_seed, crop_seed = split_seed(seed, 2)
    before = _random_offset(pad_seed, missing)
    begin = _random_offset(crop_seed, tf.maximum(found - target, 0))
    image, mask = _window(image, mask, begin, tf.minimum(found, target))
    paddings = tf.stack([before, missing - before], axis=1)
    mask = tf.pad(mask, paddings, constant_values=tf.cast(mask_fill, mask.dtype))
    image = _pad_with_color(image, paddings, tf.constant(image_fill, image.dtype))
    return tf.ensure_shape(image, [*crop_size, 3]), tf.ensure_shape(mask, crop_size)


@register_augmentation
def rare_class_crop(
    image: tf.Tensor,
    mask: tf.Tensor,
    seed: tf.Tensor,
    crop_size: Sequence[int],
    probability: float = 0.5,
    weights: Sequence[float] | None = None,
) -> ImageAndMask:
    """Cuts out a window around a pixel of a class that is drawn first, so that it is inside.

    It should be the last op of a list: the crop after it then only pads.

    Args:
        image: float32 [height, width, 3].
        mask: int32 [height, width].
        seed: int32 [2].
        crop_size: largest height and width of the window.
        probability: how often this happens; otherwise, both stay as they are.
        weights: one a class: how likely it is drawn, relative to the others that occur in the
            mask, never if 0. None draws each class that occurs equally often, however small.

    Raises:
        DataError: ``probability`` is not in 0..1 or a weight is negative.
    """
    if not 0 <= probability <= 1 or min(weights or [0]) < 0:
        raise DataError(
            "augmentation 'rare_class_crop': probability must be in 0..1 and no weight negative, "
            f"got {probability} and {weights}"
        )
    chance_seed, class_seed, pixel_seed, window_seed = split_seed(seed, 4)
    likelihood = _likelihood(mask, weights)
    wanted = tf.random.stateless_uniform([], chance_seed) < probability

    def cut() -> ImageAndMask:
        logits = tf.math.log(likelihood)[tf.newaxis]
        label = tf.random.stateless_categorical(logits, 1, class_seed, tf.int32)[0, 0]
        pixel = _random_pixel(mask == label, pixel_seed)
        target = tf.minimum(tf.constant(crop_size, tf.int32), tf.shape(mask))
        first = tf.maximum(pixel - target + 1, 0)
        last = tf.minimum(pixel, tf.shape(mask) - target)
        return _window(image, mask, first + _random_offset(window_seed, last - first), target)

    return tf.cond(wanted & tf.reduce_any(likelihood > 0), cut, lambda: (image, mask))


def _likelihood(mask: tf.Tensor, weights: Sequence[float] | None) -> tf.Tensor:
    """Returns float32 [classes], 0 for a class that does not occur in the mask."""
    size = 256 if weights is None else len(weights)  # masks have 8 bits
    # Classes beyond the weights are counted with the last bin, which is dropped.
    bins = tf.minimum(mask, size)
    counts = tf.math.bincount(
        tf.reshape(bins - IGNORED, [-1]), minlength=size + 2, maxlength=size + 2
    )
    occurs = tf.cast(counts[1 : size + 1] > 0, tf.float32)
    return occurs if weights is None else occurs * tf.constant(weights, tf.float32)


def _random_pixel(chosen: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns row and column, int32 [2], of one of the true pixels."""
    pixels = tf.cast(tf.where(chosen), tf.int32)
    number = tf.random.stateless_uniform([], seed, 0, tf.shape(pixels)[0], tf.int32)
    return pixels[number]


def _window(image: tf.Tensor, mask: tf.Tensor, begin: tf.Tensor, size: tf.Tensor) -> ImageAndMask:
    image = tf.slice(image, tf.concat([begin, [0]], axis=0), tf.concat([size, [3]], axis=0))
    return image, tf.slice(mask, begin, size)


def _pad_with_color(image: tf.Tensor, paddings: tf.Tensor, color: tf.Tensor) -> tf.Tensor:
    # tf.pad knows no colors, and choosing between two images by tf.where costs many times as much.
    height, width = tf.unstack(tf.shape(image)[:2])
    (top, bottom), (left, right) = (tf.unstack(padding) for padding in tf.unstack(paddings, num=2))
    sides = [tf.broadcast_to(color, [height, padding, 3]) for padding in (left, right)]
    image = tf.concat([sides[0], image, sides[1]], axis=1)
    width += left + right
    ends = [tf.broadcast_to(color, [padding, width, 3]) for padding in (top, bottom)]
    return tf.concat([ends[0], image, ends[1]], axis=0)


def _random_offset(seed: tf.Tensor, room: tf.Tensor) -> tf.Tensor:
    """Returns int32 [2], each uniform in 0..room (inclusive)."""
    share = tf.random.stateless_uniform([2], seed)
    # The product can round up to room + 1 where the share is just below 1.
    return tf.minimum(tf.cast(share * tf.cast(room + 1, tf.float32), tf.int32), room)
