"""Ops that move pixels along a field of coordinates: rotation and elastic deformation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.input.operations import IGNORED, ImageAndMask, register_augmentation
from tf_image_segmentation.registry import choose


@register_augmentation
def rotation(
    image: tf.Tensor,
    mask: tf.Tensor,
    seed: tf.Tensor,
    image_fill: Sequence[float],
    degrees: float = 10.0,
    fill: str = "ignore",
) -> ImageAndMask:
    """Turns both about the center of the image by an angle drawn uniformly; the size stays.

    Args:
        image: float32 [height, width, 3].
        mask: int32 [height, width].
        seed: int32 [2].
        image_fill: color of pixels from outside of the image.
        degrees: the angle is from ``-degrees`` to ``degrees``.
        fill: what comes in from outside, see `resample`.

    Raises:
        DataError: ``degrees`` is not in 0..180, or ``fill`` is unknown.
    """
    if not 0 <= degrees <= 180:
        raise DataError(f"augmentation 'rotation': degrees must be in 0..180, got {degrees}")
    angle = tf.random.stateless_uniform([], seed, -degrees, degrees) * (math.pi / 180)
    rows, columns = _grid(mask)
    middle_row, middle_column = (
        tf.cast(side - 1, tf.float32) / 2 for side in tf.unstack(tf.shape(mask))
    )
    down, right = rows - middle_row, columns - middle_column
    source_rows = middle_row + tf.cos(angle) * down + tf.sin(angle) * right
    source_columns = middle_column - tf.sin(angle) * down + tf.cos(angle) * right
    return resample(image, mask, source_rows, source_columns, image_fill, fill)


@register_augmentation
def elastic(
    image: tf.Tensor,
    mask: tf.Tensor,
    seed: tf.Tensor,
    image_fill: Sequence[float],
    deviation: float = 10.0,
    grid: int = 3,
    fill: str = "ignore",
) -> ImageAndMask:
    """Deforms both smoothly.

    Source: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation",
    MICCAI 2015, section 3.1: random displacements on a coarse grid, interpolated bicubically.

    Args:
        image: float32 [height, width, 3].
        mask: int32 [height, width].
        seed: int32 [2].
        image_fill: color of pixels from outside of the image.
        deviation: standard deviation of the displacements in pixels.
        grid: points a side of the coarse grid.
        fill: what comes in from outside, see `resample`.

    Raises:
        DataError: ``deviation`` is negative, ``grid`` below 2, or ``fill`` unknown.
    """
    if deviation < 0 or grid < 2:
        raise DataError(
            "augmentation 'elastic': deviation must not be negative and grid at least 2, got "
            f"{deviation} and {grid}"
        )
    moves = tf.random.stateless_normal([grid, grid, 2], seed, stddev=deviation)
    moves = tf.image.resize(moves, tf.shape(mask), method="bicubic")
    rows, columns = _grid(mask)
    return resample(image, mask, rows + moves[..., 0], columns + moves[..., 1], image_fill, fill)


def resample(
    image: tf.Tensor,
    mask: tf.Tensor,
    rows: tf.Tensor,
    columns: tf.Tensor,
    image_fill: Sequence[float],
    fill: str = "ignore",
) -> ImageAndMask:
    """Takes each pixel of the result from a place of the source.

    Args:
        image: float32 [height, width, 3], interpolated bilinearly.
        mask: int32 [height, width], of which the nearest pixel is taken.
        rows: float32 of the result's shape, row of the source; 0 is the middle of the first row.
        columns: the same for columns.
        image_fill: color of places outside of the source.
        fill: "ignore" gives places outside that color and the label -1, "reflect" mirrors image
            and mask at their borders.

    Raises:
        DataError: ``fill`` is unknown.
    """
    reflects = choose("fill", fill, {"ignore": False, "reflect": True})
    height, width = tf.unstack(tf.shape(mask))
    if reflects:
        rows, columns = _reflect(rows, height), _reflect(columns, width)
    near_rows, near_columns = (tf.cast(tf.floor(x + 0.5), tf.int32) for x in (rows, columns))
    inside = (near_rows >= 0) & (near_rows < height)
    inside &= (near_columns >= 0) & (near_columns < width)
    moved = _bilinear(image, rows, columns)
    nearest = _flat_index(near_rows, near_columns, height, width)
    labels = tf.gather(tf.reshape(mask, [-1]), nearest)
    if reflects:
        return moved, labels
    color = tf.constant(image_fill, moved.dtype)
    moved = tf.where(inside[..., tf.newaxis], moved, color)
    return moved, tf.where(inside, labels, IGNORED)


def _grid(mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns row and column of each pixel, float32 [height, width] both."""
    height, width = tf.unstack(tf.cast(tf.shape(mask), tf.float32))
    rows, columns = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
    return rows, columns


def _reflect(positions: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Mirrors positions at the outer edges of the first and the last pixel."""
    period = 2 * tf.cast(length, tf.float32)
    inside = tf.math.floormod(positions + 0.5, period)
    # The far edge itself would round to a pixel beyond the last one.
    return tf.minimum(tf.minimum(inside, period - inside) - 0.5, period / 2 - 1)


def _bilinear(image: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    height, width = tf.unstack(tf.shape(image)[:2])
    pixels = tf.reshape(image, [-1, 3])
    top, left = tf.floor(rows), tf.floor(columns)
    down, right = (rows - top)[..., tf.newaxis], (columns - left)[..., tf.newaxis]
    top, left = tf.cast(top, tf.int32), tf.cast(left, tf.int32)

    def take(row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        return tf.gather(pixels, _flat_index(row, column, height, width))

    upper = take(top, left) * (1 - right) + take(top, left + 1) * right
    lower = take(top + 1, left) * (1 - right) + take(top + 1, left + 1) * right
    return upper * (1 - down) + lower * down


def _flat_index(
    rows: tf.Tensor, columns: tf.Tensor, height: tf.Tensor, width: tf.Tensor
) -> tf.Tensor:
    """Returns the place of each pixel, or of the nearest one inside, in the flattened image."""
    rows = tf.clip_by_value(rows, 0, height - 1)
    return rows * width + tf.clip_by_value(columns, 0, width - 1)
