"""The soft Dice loss over all pixels of the global batch."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tf_image_segmentation.training.losses import register_loss


@register_loss(wide=True)
def dice(
    logits: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor,
    sum_over_replicas: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Returns this replica's part of ``1 - mean(2 * sum(p * t) / (sum(p) + sum(t)))``.

    The sums are over the labeled pixels of the global batch, p is the softmax, t is 1 for the true
    class; the mean is over the classes that occur in the labels (Milletari et al., 3DV 2016, but
    without squares, as in Sudre et al., DLMIA 2017). All classes count alike, so class
    balancing has no effect.

    Args:
        logits: see `register_loss`.
        labels: see `register_loss`.
        weights: see `register_loss`.
        sum_over_replicas: see `register_loss`.
    """
    classes = logits.shape[-1]
    valid = tf.cast(weights > 0, tf.float32)[..., tf.newaxis]
    probabilities = tf.reshape(tf.nn.softmax(logits) * valid, [-1, classes])
    truth = tf.reshape(tf.one_hot(labels, classes) * valid, [-1, classes])
    overlaps = tf.reduce_sum(probabilities * truth, axis=0)
    sizes = [tf.reduce_sum(probabilities, axis=0), tf.reduce_sum(truth, axis=0)]
    overlap, predicted, true = tf.unstack(sum_over_replicas(tf.stack([overlaps, *sizes])))
    present = tf.cast(true > 0, tf.float32)
    scores = tf.math.divide_no_nan(2 * overlap, predicted + true)
    loss = tf.math.divide_no_nan(tf.reduce_sum(present * (1 - scores)), tf.reduce_sum(present))
    return loss / sum_over_replicas(tf.constant(1.0))
