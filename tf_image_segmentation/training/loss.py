"""The loss of semantic segmentation: cross entropy over the pixels that have a label."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

# Wrong ids that an error names.
_SHOWN_IDS = 10


def check_labels(labels: tf.Tensor, num_classes: int, ignore_label: int | None) -> tf.Tensor:
    """Returns ``labels`` as int32 once each is a class or the ignore label, on every device.

    TensorFlow's own cross entropy raises on a CPU and returns NaN on a GPU.

    Args:
        labels: integers of any shape.
        num_classes: number of classes.
        ignore_label: the one label that is no class; None allows none.

    Raises:
        TypeError: the labels are not integers.
        tf.errors.InvalidArgumentError: a label is out of range; the message has up to 10 such ids.
    """
    labels = tf.convert_to_tensor(labels)
    if not labels.dtype.is_integer:
        raise TypeError(f"labels must be integers, got {labels.dtype.name}")
    # Compared as int64: a narrower cast could wrap a wrong label into the range.
    labels = tf.cast(labels, tf.int64)
    bad = (labels < 0) | (labels >= num_classes)
    allowed = f"0..{num_classes - 1}"
    if ignore_label is not None:
        bad &= labels != ignore_label
        allowed += f" or the ignore label {ignore_label}"

    def fail() -> tf.Tensor:
        ids = tf.unique(tf.boolean_mask(labels, bad)).y
        rule = f"labels must be {allowed}; found"
        check = tf.debugging.Assert(False, [rule, ids], summarize=_SHOWN_IDS)
        with tf.control_dependencies([check]):
            return tf.constant(False)

    # The ids are only collected when they are needed: this runs in every step.
    with tf.control_dependencies([tf.cond(tf.reduce_any(bad), fail, lambda: tf.constant(True))]):
        return tf.cast(labels, tf.int32)


def cross_entropy_sum(
    logits: tf.Tensor,
    labels: tf.Tensor,
    ignore_label: int | None,
    class_weights: tuple[float, ...] | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Sums the cross entropy over labeled pixels.

    Args:
        logits: float32 [batch, height, width, num_classes].
        labels: integers [batch, height, width], class ids or ``ignore_label``.
        ignore_label: pixels with this label count nothing; None counts all.
        class_weights: one factor for each class; None weighs all classes 1.

    Returns:
        The weighted sum of cross entropies and the sum of weights (without ``class_weights`` the
        number of labeled pixels), float32 scalars, both 0 where no pixel has a label.

    Raises:
        TypeError: the labels are not integers.
        ValueError: there is not one weight for each class.
        tf.errors.InvalidArgumentError: a label is neither a class nor the ignore label.
    """
    num_classes = logits.shape[-1]
    if class_weights is not None and len(class_weights) != num_classes:
        raise ValueError(f"{len(class_weights)} class weights for {num_classes} classes")
    labels = check_labels(labels, num_classes, ignore_label)
    if ignore_label is None:
        weights = tf.ones(tf.shape(labels), tf.float32)
    else:
        weights = tf.cast(labels != ignore_label, tf.float32)
        labels = tf.where(labels == ignore_label, 0, labels)
    if class_weights is not None:
        # One factor a pixel out of a handful; nothing of the size of the logits is gathered.
        weights *= tf.gather(tf.constant(class_weights, tf.float32), labels)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return tf.reduce_sum(losses * weights), tf.reduce_sum(weights)


def mean_cross_entropy(
    logits: tf.Tensor,
    labels: tf.Tensor,
    ignore_label: int | None,
    class_weights: tuple[float, ...] | None = None,
    sum_over_replicas: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
) -> tf.Tensor:
    """Returns the mean cross entropy over labeled pixels, 0 where none is labeled.

    Args:
        logits: as for `cross_entropy_sum`, which raises the same errors.
        labels: likewise.
        ignore_label: likewise.
        class_weights: likewise.
        sum_over_replicas: adds up a scalar over the replicas of the global batch. Each replica then
            returns its part of the global mean, and the parts add up to it.
    """
    total, weight = cross_entropy_sum(logits, labels, ignore_label, class_weights)
    return tf.math.divide_no_nan(total, sum_over_replicas(weight))


def class_weights(class_pixels: tuple[int, ...], exponent: float) -> tuple[float, ...] | None:
    """Returns ``(median frequency / frequency) ** exponent`` for each class.

    Exponent 1 is median frequency balancing (Eigen and Fergus, ICCV 2015), with
    frequencies over the whole set and not over the images that a class occurs in.

    Args:
        class_pixels: pixels of each class over the training set; a class without any weighs 1.
        exponent: between 0 and 1; 0 gives None, which weighs all pixels alike.
    """
    if exponent == 0:
        return None
    pixels = np.array(class_pixels, np.float64)
    present = pixels > 0
    weights = np.ones_like(pixels)
    weights[present] = (np.median(pixels[present]) / pixels[present]) ** exponent
    return tuple(float(weight) for weight in weights)


def l2_penalty(variables_by_name: Mapping[str, tf.Variable]) -> tf.Tensor:
    """Returns ``sum(w ** 2) / 2`` over all weights; biases are left out."""
    weights = [v for name, v in variables_by_name.items() if name.endswith("/weights")]
    return tf.add_n([tf.nn.l2_loss(w) for w in weights])
