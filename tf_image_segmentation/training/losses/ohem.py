"""Cross entropy over the hard pixels of the global batch (online hard example mining)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

import msgspec
import tensorflow as tf

from tf_image_segmentation.structs import Fraction
from tf_image_segmentation.training.losses import register_loss
from tf_image_segmentation.training.losses.cross_entropy import cross_entropy
from tf_image_segmentation.training.losses.total import weighted_mean

Sum = Callable[[tf.Tensor], tf.Tensor]
_Threshold = Annotated[float, msgspec.Meta(gt=0, le=1)]
_HALF = 2**16  # values of half the bits of a float32


@register_loss(wide=True)
def ohem(
    logits: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor,
    sum_over_replicas: Sum,
    threshold: _Threshold = 0.7,
    min_kept: Fraction = 1 / 16,
) -> tf.Tensor:
    """Returns this replica's part of the mean cross entropy over hard pixels.

    A pixel is hard where the probability of its true class is at most ``threshold``. If fewer than
    the share ``min_kept`` of the labeled pixels are, the hardest ones up to that share count
    (Shrivastava et al., CVPR 2016; for pixels, Wu et al., "High-performance Semantic Segmentation
    Using Very Deep FCNs", 2016, section 2.3).

    Args:
        logits: see `register_loss`.
        labels: see `register_loss`.
        weights: see `register_loss`.
        sum_over_replicas: see `register_loss`.
        threshold: above 0, up to 1; 1 keeps all pixels.
        min_kept: share of the labeled pixels of the global batch, 0 to 1.
    """
    losses = cross_entropy(logits, labels)
    valid = tf.cast(weights > 0, tf.float32)
    # abs, because -0.0 would be sorted by its sign bit.
    known = tf.stop_gradient(tf.reshape(tf.abs(losses) * valid, [-1]))
    kept = tf.math.ceil(min_kept * sum_over_replicas(tf.reduce_sum(valid)))
    limit = tf.minimum(
        tf.constant(-math.log(threshold), tf.float32),
        kth_largest(known, tf.cast(kept, tf.int64), sum_over_replicas),
    )
    hard = tf.cast(losses >= limit, tf.float32)
    return weighted_mean(losses, weights * hard, sum_over_replicas)


def kth_largest(values: tf.Tensor, k: tf.Tensor, sum_over_replicas: Sum) -> tf.Tensor:
    """Returns the k-th largest of the values of all replicas, exactly.

    The bits of floats that are not negative are sorted as the floats are. So two histograms, of the
    upper and then of the lower half of the bits, find the value, and no replica sees the others'.

    Args:
        values: float32 [n], 0 or more.
        k: int64 scalar; less than 1 is taken as 1.
        sum_over_replicas: sums a tensor over the replicas.
    """
    bits = tf.bitcast(values, tf.int32)
    upper, lower = bits // _HALF, bits % _HALF
    high, k = _bin_of_kth(upper, tf.ones_like(values), tf.maximum(k, 1), sum_over_replicas)
    within = tf.cast(upper == high, tf.float32)
    low, _ = _bin_of_kth(lower, within, k, sum_over_replicas)
    return tf.bitcast(high * _HALF + low, tf.float32)


def _bin_of_kth(
    bins: tf.Tensor, counted: tf.Tensor, k: tf.Tensor, sum_over_replicas: Sum
) -> tf.Tensor:
    """Returns the bin of the k-th largest, int32, and which of its bin that one is, int64."""
    # Whole numbers in float32, which every reduction over devices can add.
    counts = tf.math.bincount(bins, weights=counted, minlength=_HALF, maxlength=_HALF)
    counts = tf.cast(sum_over_replicas(counts), tf.int64)
    at_least = tf.cumsum(counts, reverse=True)
    found = tf.reduce_sum(tf.cast(at_least >= k, tf.int32)) - 1
    return found, k - (at_least[found] - counts[found])
