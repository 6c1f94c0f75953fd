"""The loss of a recipe: checked labels, class weights, and a sum of losses by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import Part
from tf_image_segmentation.training.losses import LOSSES

Sum = Callable[[tf.Tensor], tf.Tensor]

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


class TotalLoss:
    """The weighted sum of losses that a recipe names; made by `make_loss`."""

    def __init__(
        self,
        parts: Sequence[tuple[float, Callable[..., tf.Tensor]]],
        ignore_label: int | None,
        class_weights: tuple[float, ...] | None,
    ) -> None:
        self._parts = parts
        self._ignore_label, self._class_weights = ignore_label, class_weights

    def __call__(
        self, logits: tf.Tensor, labels: tf.Tensor, sum_over_replicas: Sum = tf.identity
    ) -> tf.Tensor:
        """Returns the loss, a float32 scalar, 0 where no pixel has a label.

        Args:
            logits: float32 [batch, height, width, num_classes].
            labels: integers [batch, height, width], class ids or the ignore label.
            sum_over_replicas: adds up a tensor over the replicas of the global batch. Each replica
                then returns its part of the loss, and the parts add up to it.

        Raises:
            TypeError: the labels are not integers.
            ValueError: there is not one weight for each class.
            tf.errors.InvalidArgumentError: a label is neither a class nor the ignore label.
        """
        labels, weights = self._pixels(labels, logits.shape[-1])
        total = None
        for factor, function in self._parts:
            loss = function(logits, labels, weights, sum_over_replicas)
            loss = loss if factor == 1 else factor * loss
            total = loss if total is None else total + loss
        return total

    def weight(self, labels: tf.Tensor, num_classes: int) -> tf.Tensor:
        """Returns the sum of the weights of labeled pixels, by which a mean is divided."""
        return tf.reduce_sum(self._pixels(labels, num_classes)[1])

    def _pixels(self, labels: tf.Tensor, num_classes: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns int32 labels, and float32 weights; both are 0 where there was no label."""
        if self._class_weights is not None and len(self._class_weights) != num_classes:
            raise ValueError(f"{len(self._class_weights)} class weights for {num_classes} classes")
        labels = check_labels(labels, num_classes, self._ignore_label)
        if self._ignore_label is None:
            weights = tf.ones(tf.shape(labels), tf.float32)
        else:
            weights = tf.cast(labels != self._ignore_label, tf.float32)
            labels = tf.where(labels == self._ignore_label, 0, labels)
        if self._class_weights is not None:
            # One factor a pixel out of a handful; nothing of the size of the logits is gathered.
            weights *= tf.gather(tf.constant(self._class_weights, tf.float32), labels)
        return labels, weights


def make_loss(
    parts: str | Part | Sequence[str | Part] = "cross_entropy",
    ignore_label: int | None = None,
    class_weights: tuple[float, ...] | None = None,
) -> TotalLoss:
    """Returns the sum of the losses that a recipe names.

    Args:
        parts: names of losses, or parts with arguments, among which ``weight`` is the factor in the
            sum (default 1).
        ignore_label: pixels with this label count nothing; None counts all.
        class_weights: one factor for each class; None weighs all classes 1.

    Raises:
        DataError: a loss is unknown or does not take its arguments, a weight is no number above 0,
            or there is no loss at all.
    """
    named = [parts] if isinstance(parts, str | Part) else parts
    losses = [_weighted(Part.parse(part, LOSSES.kind)) for part in named]
    if not losses:
        raise DataError("loss must name at least one loss, such as cross_entropy, got none")
    return TotalLoss(losses, ignore_label, class_weights)


def _weighted(part: Part) -> tuple[float, Callable[..., tf.Tensor]]:
    arguments = dict(part.arguments)
    weight = arguments.pop("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise DataError(f"loss {part.name}: weight must be a number above 0, got {weight!r}")
    positional = ("logits", "labels", "weights", "sum_over_replicas")
    return float(weight), LOSSES.bind(Part(part.name, arguments), *positional)


def weighted_mean(
    losses: tf.Tensor, weights: tf.Tensor, sum_over_replicas: Sum = tf.identity
) -> tf.Tensor:
    """Returns this replica's part of ``sum(losses * weights) / sum(weights)``, 0 for weights of 0.

    Args:
        losses: float32 [batch, height, width].
        weights: float32 of the same shape.
        sum_over_replicas: sums a tensor over the replicas of the global batch.

    Raises:
        DataError: the losses have another shape or type.
    """
    if losses.dtype != tf.float32 or not losses.shape.is_compatible_with(weights.shape):
        raise DataError(
            "a loss must return float32 of the labels' shape [batch, height, width] "
            f"{weights.shape}, one number a pixel, got {losses.dtype.name} {losses.shape}; "
            "register a loss over a whole image set with register_loss(wide=True)"
        )
    total = tf.reduce_sum(losses * weights)
    return tf.math.divide_no_nan(total, sum_over_replicas(tf.reduce_sum(weights)))


def class_weights(class_pixels: tuple[int, ...], exponent: float) -> tuple[float, ...] | None:
    """Returns ``(median frequency / frequency) ** exponent`` for each class.

    Exponent 1 is median frequency balancing (Eigen and Fergus, ICCV 2015), with
    frequencies over the whole set and not over the images that a class occurs in.

    Args:
        class_pixels: pixels of each class over the training set; a class without any weighs 1.
        exponent: between 0 and 2; 0 gives None, which weighs all pixels alike.
    """
    if exponent == 0:
        return None
    pixels = np.array(class_pixels, np.float64)
    present = pixels > 0
    weights = np.ones_like(pixels)
    weights[present] = (np.median(pixels[present]) / pixels[present]) ** exponent
    return tuple(float(weight) for weight in weights)
