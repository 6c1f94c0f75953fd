"""Which part of a mixture each training example comes from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_BLOCK = 65_536


class PartSampling:
    """Which part of a mixture examples 0, 1, 2, ... come from: a function of the seed.

    Every example is drawn by itself, with the probabilities that the weights give. Draws are made
    in blocks, so that a run that resumes can count those of millions of examples in a moment.

    Args:
        weights: one for each part, above 0; the probabilities are proportional to them.
        seed: 0 to 2147483647; decides every draw.
    """

    def __init__(self, weights: Sequence[float], seed: int) -> None:
        shares = np.array(weights, np.float64) / max(weights)
        self._upper_bounds = np.cumsum(shares / shares.sum())[:-1]
        self._seed = seed

    def _block(self, number: tf.Tensor | int) -> tf.Tensor:
        # Epochs and augmentation draw from the same seed and a number that is not negative.
        block_seed = tf.stack([tf.constant(self._seed, tf.int64), -1 - tf.cast(number, tf.int64)])
        draws = tf.random.stateless_uniform([_BLOCK], block_seed, dtype=tf.float64)
        return tf.searchsorted(self._upper_bounds, draws, side="right", out_type=tf.int64)

    def counts(self, count: int) -> np.ndarray:
        """Returns how many of the first ``count`` examples each part gets, int64 [parts]."""
        blocks, rest = divmod(count, _BLOCK)
        parts = len(self._upper_bounds) + 1
        total = np.bincount(self._block(blocks).numpy()[:rest], minlength=parts)
        for number in range(blocks):
            total += np.bincount(self._block(number).numpy(), minlength=parts)
        return total

    def dataset(self, first: int) -> tf.data.Dataset:
        """Returns the parts of examples ``first``, ``first + 1``, ..., scalars of int64."""
        block, rest = divmod(first, _BLOCK)
        return (
            tf.data.Dataset.range(block, tf.int64.max)
            .flat_map(lambda number: tf.data.Dataset.from_tensor_slices(self._block(number)))
            .skip(rest)
        )
