"""All that happens to an image and its mask before they are fed: a list of ops, then the crop.

What is random follows from the example's seed and nothing else: the same seed gives the same
result, eagerly or inside ``tf.data``, on any machine and after any restart.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.input.crop import crop_or_pad
from tf_image_segmentation.input.operations import (
    AUGMENTATIONS,
    IGNORED,
    ImageAndMask,
    reads_labels,
)
from tf_image_segmentation.input.seeds import split_seed
from tf_image_segmentation.registry import Part

# Which of an example's seeds the crop has, and ops do not. It is fixed, so that the list ["flip",
# "scale"] draws what version 0.1 drew, and so that adding an op leaves the draws of others alone.
_CROP_SEED = 2


def make_augmentation(
    parts: Iterable[Part | str | Mapping[str, Any]],
    crop_size: tuple[int, int],
    image_fill: tuple[float, float, float],
    mask_fill: int,
) -> Augmentation:
    """Returns the augmentation that a recipe's list of ops means.

    All ops run once on an empty image, so that wrong arguments are found before training.

    Args:
        parts: the ops in their order; each a `Part`, or what `Part.parse` takes.
        crop_size: height and width of the result.
        image_fill: color of padding, RGB in 0..255.
        mask_fill: label of padding and of ignored pixels; -1 if all labels of 8 bits are classes.

    Raises:
        DataError: an op is unknown, has wrong arguments, or returns something else than an image
            and its mask.
    """
    context = {"image_fill": image_fill, "crop_size": crop_size}
    operations = tuple(_bind(Part.parse(part, AUGMENTATIONS.kind), context) for part in parts)
    augmentation = Augmentation(operations, crop_size, image_fill, mask_fill)
    with tf.device("CPU:0"):
        augmentation(tf.zeros([*crop_size, 3]), tf.zeros(crop_size, tf.uint8), tf.constant([0, 0]))
    return augmentation


class _Step(NamedTuple):
    """An op with its arguments."""

    name: str
    function: Callable[..., Any]
    reads_labels: bool


def _bind(part: Part, context: Mapping[str, Any]) -> _Step:
    """Returns the op with its arguments and those of ``context`` that it has a parameter for."""
    function = AUGMENTATIONS[part.name]
    wanted = [name for name in context if name in inspect.signature(function).parameters]
    bound = AUGMENTATIONS.bind(part, "image", "mask", "seed", *wanted)
    bound = partial(bound, **{name: context[name] for name in wanted})
    return _Step(part.name, bound, reads_labels(function))


@dataclass(frozen=True)
class Augmentation:
    """A chain of ops and the crop; made by `make_augmentation`.

    Attributes:
        operations: the ops with their arguments, in order.
        crop_size: height and width of the result.
        image_fill: color of padding, RGB in 0..255.
        mask_fill: label of padding and of ignored pixels.
    """

    operations: tuple[_Step, ...]
    crop_size: tuple[int, int]
    image_fill: tuple[float, float, float]
    mask_fill: int

    def __call__(self, image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor) -> ImageAndMask:
        """Returns float32 [*crop_size, 3] in 0..255 and the mask [*crop_size].

        Args:
            image: [height, width, 3], any numeric dtype, 0..255.
            mask: integer [height, width]; the result has its dtype, or int32 if ``mask_fill`` is
                -1.
            seed: int32 [2] that decides all that is random.
        """
        count = len(self.operations) + 1
        seeds = split_seed(seed, max(count, _CROP_SEED + 1))
        crop_seed = seeds.pop(_CROP_SEED)
        mask = tf.convert_to_tensor(mask)
        dtype = tf.int32 if self.mask_fill < 0 else mask.dtype
        image, mask = tf.cast(image, tf.float32), tf.cast(mask, dtype)
        ignored = self.mask_fill  # the label of ignored pixels at present
        for step, step_seed in zip(self.operations, seeds, strict=False):
            if step.reads_labels and ignored != IGNORED:
                mask = tf.cast(mask, tf.int32)
                mask = tf.where(mask == ignored, IGNORED, mask)
                ignored = IGNORED
            image, mask = _checked(step.name, step.function(image, mask, step_seed), mask.dtype)
        image, mask = crop_or_pad(image, mask, crop_seed, self.crop_size, self.image_fill, ignored)
        if ignored != self.mask_fill:
            mask = tf.cast(tf.where(mask < 0, self.mask_fill, mask), dtype)
        return image, mask


def _checked(name: str, result: Any, mask_dtype: tf.DType) -> ImageAndMask:
    if isinstance(result, (tuple, list)) and len(result) == 2:
        image, mask = map(tf.convert_to_tensor, result)
        expected = mask.shape.concatenate([3])
        fits = mask.shape.rank == 2 and image.shape.is_compatible_with(expected)
        if fits and (image.dtype, mask.dtype) == (tf.float32, mask_dtype):
            return image, mask
        result = f"{image.dtype.name} {image.shape} and {mask.dtype.name} {mask.shape}"
    raise DataError(
        f"augmentation {name!r} must return an image, float32 [height, width, 3], and its mask, "
        f"{mask_dtype.name} [height, width]; got {result}"
    )
