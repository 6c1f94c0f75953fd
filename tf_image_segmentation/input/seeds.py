"""Stateless seeds: int32 pairs from which all that is random follows."""

from __future__ import annotations

import tensorflow as tf


def split_seed(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Returns ``count`` independent seeds; a single one is ``seed`` itself.

    Of a larger ``count``, the first ones are those of a smaller one.
    """
    if count == 1:
        return [seed]
    return tf.unstack(tf.random.split(seed, count), num=count)
