"""Losses of single pixels: cross entropy, and the focal loss that is made of it."""

from __future__ import annotations

from typing import Annotated

import msgspec
import tensorflow as tf

from tf_image_segmentation.training.losses import register_loss

# Below this, a power of less than 1 has gradients that overflow.
_SMALLEST = 1e-7
_Gamma = Annotated[float, msgspec.Meta(ge=0, le=100)]


@register_loss
def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns ``-log p`` of the true class, with p from a softmax; see `register_loss`."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


@register_loss
def focal(logits: tf.Tensor, labels: tf.Tensor, gamma: _Gamma = 2.0) -> tf.Tensor:
    """Returns ``(1 - p) ** gamma * -log p`` of the true class (Lin et al., ICCV 2017, section 3.2).

    The softmax takes the place of the paper's sigmoid, and class balancing that of its alpha.

    Args:
        logits: see `register_loss`.
        labels: see `register_loss`.
        gamma: 0 to 100; 0 gives the cross entropy.
    """
    losses = cross_entropy(logits, labels)
    # 1 - exp(-loss), exact for small losses, too.
    return tf.maximum(-tf.math.expm1(-losses), _SMALLEST) ** gamma * losses
