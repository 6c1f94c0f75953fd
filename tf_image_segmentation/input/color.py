"""Ops that change colors and leave the mask alone: color distortion, noise and blur."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.input.operations import ImageAndMask, register_augmentation
from tf_image_segmentation.input.seeds import split_seed
from tf_image_segmentation.registry import choose

# The strengths of color distortion that Inception's preprocessing made common.
_MAX_BRIGHTNESS_DELTA = 32.0 / 255.0
_SATURATION_RANGE = (0.5, 1.5)
_MAX_HUE_DELTA = 0.2
_CONTRAST_RANGE = (0.5, 1.5)

_ORDERS = {
    "full": (
        ("brightness", "saturation", "hue", "contrast"),
        ("saturation", "brightness", "contrast", "hue"),
        ("contrast", "hue", "brightness", "saturation"),
        ("hue", "saturation", "contrast", "brightness"),
    ),
    "fast": (("brightness", "saturation"), ("saturation", "brightness")),
}


@register_augmentation(reads_labels=False)
def color(image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor, mode: str = "full") -> ImageAndMask:
    """Changes brightness, saturation, hue and contrast in one of four orders.

    Args:
        image: float32 [height, width, 3] in 0..255; the result is clipped to that range.
        mask: any; returned as it is.
        seed: int32 [2].
        mode: "full", or "fast" for only brightness and saturation (hue and contrast cost most).

    Raises:
        DataError: ``mode`` is unknown.
    """
    orders = choose("mode of colors", mode, _ORDERS)
    *seeds, order_seed = split_seed(seed, 5)
    operations = {
        "brightness": lambda x: tf.image.stateless_random_brightness(
            x, _MAX_BRIGHTNESS_DELTA, seeds[0]
        ),
        "saturation": lambda x: tf.image.stateless_random_saturation(
            x, *_SATURATION_RANGE, seeds[1]
        ),
        "hue": lambda x: tf.image.stateless_random_hue(x, _MAX_HUE_DELTA, seeds[2]),
        "contrast": lambda x: tf.image.stateless_random_contrast(x, *_CONTRAST_RANGE, seeds[3]),
    }

    def distort(order: tuple[str, ...]) -> tf.Tensor:
        distorted = image / 255.0
        for name in order:
            distorted = operations[name](distorted)
        return tf.clip_by_value(distorted, 0.0, 1.0) * 255.0

    chosen = tf.random.stateless_uniform([], order_seed, 0, len(orders), tf.int32)
    branches = [lambda order=order: distort(order) for order in orders]
    return tf.switch_case(chosen, branches), mask


@register_augmentation(reads_labels=False)
def noise(
    image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor, deviation: Sequence[float] = (0.0, 10.0)
) -> ImageAndMask:
    """Adds Gaussian noise to each channel and clips to 0..255.

    Args:
        image: float32 [height, width, 3] in 0..255.
        mask: any; returned as it is.
        seed: int32 [2].
        deviation: bounds of the noise's standard deviation, which is drawn uniformly.

    Raises:
        DataError: ``deviation`` is not two numbers in order, from 0.
    """
    low, high = _bounds("noise", "deviation", deviation)
    strength_seed, noise_seed = split_seed(seed, 2)
    strength = tf.random.stateless_uniform([], strength_seed, low, high)
    added = tf.random.stateless_normal(tf.shape(image), noise_seed)
    return tf.clip_by_value(image + strength * added, 0.0, 255.0), mask


@register_augmentation(reads_labels=False)
def blur(
    image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor, sigma: Sequence[float] = (0.0, 1.5)
) -> ImageAndMask:
    """Blurs with a Gaussian; at the border, the mean is over the pixels inside.

    Args:
        image: float32 [height, width, 3].
        mask: any; returned as it is.
        seed: int32 [2].
        sigma: bounds of the Gaussian's standard deviation in pixels, which is drawn uniformly.

    Raises:
        DataError: ``sigma`` is not two numbers in order, from 0.
    """
    low, high = _bounds("blur", "sigma", sigma)
    radius = max(1, round(3 * high))
    # A Gaussian of no width would divide by 0; this one is 0 beside its center.
    drawn = tf.maximum(tf.random.stateless_uniform([], seed, low, high), 1e-2)
    offsets = tf.range(-radius, radius + 1, dtype=tf.float32)
    kernel = tf.exp(-0.5 * tf.square(offsets / drawn))
    size = tf.shape(image)[:2]
    with_weight = tf.concat([image, tf.ones([*tf.unstack(size), 1])], axis=-1)[tf.newaxis]
    for shape in ([-1, 1, 1, 1], [1, -1, 1, 1]):
        filters = tf.tile(tf.reshape(kernel, shape), [1, 1, 4, 1])
        with_weight = tf.nn.depthwise_conv2d(with_weight, filters, [1, 1, 1, 1], "SAME")
    return with_weight[0, ..., :3] / with_weight[0, ..., 3:], mask


def _bounds(operation: str, argument: str, values: Sequence[float]) -> tuple[float, float]:
    if len(values) != 2 or not 0 <= values[0] <= values[1] < float("inf"):
        raise DataError(
            f"augmentation {operation!r}: {argument} must be two numbers in order, from 0, got "
            f"{values}"
        )
    return float(values[0]), float(values[1])
