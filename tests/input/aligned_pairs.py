"""Images and masks that say themselves whether they are aligned, and seeds to change them with."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

FILL = (123.68, 116.78, 103.94)
VOID = 255
IGNORED = -1


def stripes(height=37, width=53):
    """Bit 0 of the mask is stripes along x and shows in red, bit 1 along y and shows in green."""
    rng = np.random.default_rng(height * 1000 + width)
    along_x, along_y = rng.integers(0, 2, width), rng.integers(0, 2, height)
    mask = (along_x[np.newaxis, :] + 2 * along_y[:, np.newaxis]).astype(np.int32)
    image = np.stack([200.0 * (mask & 1), 200.0 * (mask >> 1), np.full(mask.shape, 50.0)], axis=-1)
    return image.astype(np.float32), mask


def positions(height, width):
    """The image's color says where a pixel is, and the mask says it again."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, rows + columns], axis=-1).astype(np.float32)
    return image, (rows * width + columns).astype(np.int32)


def assert_aligned(image, mask, middle=100.0, ignored=IGNORED):
    labeled = mask != ignored
    for channel, bits in ((0, mask & 1), (1, mask >> 1)):
        # Halfway between two pixels either id is the nearest.
        clear = labeled & (np.abs(image[..., channel] - middle) > 1.0)
        assert clear.sum() > 0.8 * labeled.sum()
        np.testing.assert_array_equal(image[..., channel][clear] > middle, bits[clear] == 1)


def seeds(count, start=0):
    return np.array([[7, start + number] for number in range(count)], np.int32)


def eagerly(operation, image, mask, count=12, start=0):
    results = [operation(image, mask, tf.constant(seed)) for seed in seeds(count, start)]
    return [(np.asarray(image), np.asarray(mask)) for image, mask in results]


def in_tf_data(operation, image, mask, count=12, start=0):
    def change(seed):
        return operation(tf.constant(image), tf.constant(mask), seed)

    return list(
        tf.data.Dataset.from_tensor_slices(seeds(count, start))
        .map(change, num_parallel_calls=2)
        .as_numpy_iterator()
    )
