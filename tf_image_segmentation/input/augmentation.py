"""Random changes to an image together with its mask.

Every function takes an image and its mask and returns both, so that they stay aligned. What is
random follows from ``seed``, an int32 pair, and nothing else: the same seed gives the same result,
eagerly or inside ``tf.data``, on any machine and after any restart.

Shapes: image [height, width, 3], mask [height, width]. Images are float32 in 0..255 unless said
otherwise; masks keep their integer type. Interpolation is bilinear for images, nearest for masks.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

ImageAndMask = tuple[tf.Tensor, tf.Tensor]

# The strengths of color distortion that Inception's preprocessing made common.
_MAX_BRIGHTNESS_DELTA = 32.0 / 255.0
_SATURATION_RANGE = (0.5, 1.5)
_MAX_HUE_DELTA = 0.2
_CONTRAST_RANGE = (0.5, 1.5)

_COLOR_ORDERS = (
    ("brightness", "saturation", "hue", "contrast"),
    ("saturation", "brightness", "contrast", "hue"),
    ("contrast", "hue", "brightness", "saturation"),
    ("hue", "saturation", "contrast", "brightness"),
)
_FAST_COLOR_ORDERS = (("brightness", "saturation"), ("saturation", "brightness"))

COLOR_DISTORTIONS = ("none", "fast", "full")


def _seeds(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    return tf.unstack(tf.random.split(seed, count), num=count)


def random_flip(image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor) -> ImageAndMask:
    """Mirrors image and mask left to right with probability 0.5; any image dtype."""
    flip = tf.random.stateless_uniform([], seed) < 0.5
    return tf.cond(
        flip,
        lambda: (tf.reverse(image, axis=[1]), tf.reverse(mask, axis=[1])),
        lambda: (image, mask),
    )


def resize(image: tf.Tensor, mask: tf.Tensor, size: tf.Tensor) -> ImageAndMask:
    """Resizes to ``size``, int32 [height, width]: the image bilinearly, the mask to the nearest."""
    size = tf.convert_to_tensor(size, tf.int32)
    return tf.image.resize(image, size, method="bilinear"), _resize_mask(mask, size)


def _resize_mask(mask: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Takes the pixels that ``tf.image.resize`` takes as the nearest, which is slow for masks."""
    rows, columns = (_nearest(tf.shape(mask)[axis], size[axis]) for axis in range(2))
    # Columns are taken pixel by pixel and rows as a whole, so rows can wait. Transposing, to take
    # columns as rows, too, would be faster, but it makes oneDNN log an error about 8-bit numbers.
    return tf.gather(tf.gather(mask, columns, axis=1), rows)


def _nearest(length: tf.Tensor, new_length: tf.Tensor) -> tf.Tensor:
    """Returns int32 [new_length], the pixel of a line that each pixel of the resized line shows."""
    step = tf.cast(length, tf.float32) / tf.cast(new_length, tf.float32)
    centers = (tf.cast(tf.range(new_length), tf.float32) + 0.5) * step
    return tf.minimum(tf.cast(centers, tf.int32), length - 1)


def random_scale(
    image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor, scale_range: tuple[float, float]
) -> ImageAndMask:
    """Resizes both by one factor drawn uniformly from ``scale_range``, at least to 1x1."""
    scale = tf.random.stateless_uniform([], seed, *scale_range)
    size = tf.cast(tf.shape(mask), tf.float32) * scale
    return resize(image, mask, tf.maximum(tf.cast(tf.round(size), tf.int32), 1))


def random_crop_or_pad(
    image: tf.Tensor,
    mask: tf.Tensor,
    seed: tf.Tensor,
    size: tuple[int, int],
    image_fill: tuple[float, float, float],
    mask_fill: int,
) -> ImageAndMask:
    """Brings both to ``size`` (height, width): crops at random where larger, pads where smaller.

    Args:
        image: float [height, width, 3]; what stays of it keeps its values.
        mask: integer [height, width].
        seed: int32 [2].
        size: height and width of the result.
        image_fill: color of padding; the RGB mean makes it zero for the network.
        mask_fill: label of padding, the ignore label, so that padding is never learned from.
    """
    target, found = tf.constant(size, tf.int32), tf.shape(mask)
    missing = tf.maximum(target - found, 0)
    # The image may lie anywhere in the padding, as the crop may lie anywhere in the image.
    pad_seed, crop_seed = _seeds(seed, 2)
    before = _random_offset(pad_seed, missing)
    begin = _random_offset(crop_seed, tf.maximum(found - target, 0))
    kept = tf.minimum(found, target)
    mask = tf.slice(mask, begin, kept)
    image = tf.slice(image, tf.concat([begin, [0]], axis=0), tf.concat([kept, [3]], axis=0))
    paddings = tf.stack([before, missing - before], axis=1)
    mask = tf.pad(mask, paddings, constant_values=tf.cast(mask_fill, mask.dtype))
    image = _pad_with_color(image, paddings, tf.constant(image_fill, image.dtype))
    return tf.ensure_shape(image, [*size, 3]), tf.ensure_shape(mask, size)


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


def random_color_distortion(
    image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor, fast: bool = False
) -> ImageAndMask:
    """Changes brightness, saturation, hue and contrast in one of four orders; the mask stays.

    Args:
        image: float32 [height, width, 3] in 0..255; the result is clipped to that range.
        mask: any; returned as it is.
        seed: int32 [2].
        fast: only brightness and saturation, in one of two orders (hue and contrast cost most).
    """
    *seeds, order_seed = _seeds(seed, 5)
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

    orders = _FAST_COLOR_ORDERS if fast else _COLOR_ORDERS
    chosen = tf.random.stateless_uniform([], order_seed, 0, len(orders), tf.int32)
    branches = [lambda order=order: distort(order) for order in orders]
    return tf.switch_case(chosen, branches), mask


@dataclass(frozen=True)
class Augmentation:
    """Everything that happens to an image and its mask before they are fed to a network.

    Attributes:
        crop_size: height and width of the result.
        image_fill: color of padding, RGB in 0..255.
        mask_fill: label of padding, the ignore label.
        flip: whether half of the images are mirrored.
        scale_range: bounds of the random scale, None to keep the size.
        color_distortion: "none", "fast" or "full", see `random_color_distortion`.

    Raises:
        ValueError: ``color_distortion`` is unknown.
    """

    crop_size: tuple[int, int]
    image_fill: tuple[float, float, float]
    mask_fill: int
    flip: bool = True
    scale_range: tuple[float, float] | None = None
    color_distortion: str = "none"

    def __post_init__(self) -> None:
        if self.color_distortion not in COLOR_DISTORTIONS:
            raise ValueError(
                f"unknown color_distortion {self.color_distortion!r}; "
                f"choose from {COLOR_DISTORTIONS}"
            )

    def __call__(self, image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor) -> ImageAndMask:
        """Returns float32 [*crop_size, 3] in 0..255 and the mask [*crop_size].

        Args:
            image: [height, width, 3], any numeric dtype, 0..255.
            mask: integer [height, width].
            seed: int32 [2] that decides all that is random.
        """
        flip_seed, scale_seed, crop_seed, color_seed = _seeds(seed, 4)
        image = tf.cast(image, tf.float32)
        if self.flip:
            image, mask = random_flip(image, mask, flip_seed)
        # Before padding, whose color must reach the network as it is.
        if self.color_distortion != "none":
            fast = self.color_distortion == "fast"
            image, mask = random_color_distortion(image, mask, color_seed, fast)
        if self.scale_range is not None:
            image, mask = random_scale(image, mask, scale_seed, self.scale_range)
        return random_crop_or_pad(
            image, mask, crop_seed, self.crop_size, self.image_fill, self.mask_fill
        )
