"""A convolution as one matrix product, for few positions and many channels.

At stride 32 a feature map has a few hundred positions, while fc6 has 103 million weights. There the
time goes into bringing the weights into the order that a convolution kernel wants. A matrix
product takes them as they lie, and its gradients are matrix products, too.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
import tf_slim as slim


def neighborhoods(features: tf.Tensor, size: int) -> tf.Tensor:
    """Returns, for each position, the ``size`` x ``size`` features around it, zero beyond borders.

    Args:
        features: [batch, height, width, channels].
        size: side of the neighborhood; an even one has one more row and column after the position
            than before it, as SAME padding of a convolution has.

    Returns:
        [batch, height, width, size * size * channels], rows before columns before channels.
    """
    if size == 1:
        return features
    shape = tf.shape(features)
    height, width = shape[1], shape[2]
    before = (size - 1) // 2
    margin = [before, size - 1 - before]
    padded = tf.pad(features, [[0, 0], margin, margin, [0, 0]])
    # In two strokes, so that the gradient adds up 2 * size shifted maps and not size ** 2.
    rows = tf.concat([padded[:, :, i : i + width] for i in range(size)], axis=-1)
    result = tf.concat([rows[:, i : i + height] for i in range(size)], axis=-1)
    result.set_shape([*features.shape[:3], size * size * features.shape[3]])
    return result


@slim.add_arg_scope
def product_conv2d(
    features: tf.Tensor,
    num_outputs: int,
    kernel_size: int,
    scope: str,
    activation_fn: Callable[[tf.Tensor], tf.Tensor] | None = tf.nn.relu,
    weights_initializer: Callable[..., tf.Tensor] | None = None,
    weights_regularizer: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tf.Tensor:
    """Equals ``slim.conv2d`` with stride 1 and SAME padding, names and shapes of variables, too.

    It has an argument scope of its own: ``slim.arg_scope([slim.conv2d, product_conv2d], ...)``
    reaches both.

    Args:
        features: [batch, height, width, channels].
        num_outputs: channels of the result.
        kernel_size: side of the kernel.
        scope: variable scope of ``weights`` [kernel_size, kernel_size, channels, num_outputs] and
            ``biases`` [num_outputs].
        activation_fn: applied at the end; None for none.
        weights_initializer: of ``weights``; None for the initializer of ``slim.conv2d``.
        weights_regularizer: of ``weights``, as slim collects it; None for none.

    Returns:
        [batch, height, width, num_outputs].
    """
    channels = features.shape[3]
    with tf.compat.v1.variable_scope(scope):
        weights = slim.model_variable(
            "weights",
            [kernel_size, kernel_size, channels, num_outputs],
            features.dtype,
            weights_initializer or slim.xavier_initializer(),
            regularizer=weights_regularizer,
        )
        biases = slim.model_variable(
            "biases", [num_outputs], features.dtype, tf.compat.v1.zeros_initializer()
        )
        length = kernel_size * kernel_size * channels
        rows = tf.reshape(neighborhoods(features, kernel_size), [-1, length])
        product = tf.matmul(rows, tf.reshape(weights, [length, num_outputs]))
        net = tf.nn.bias_add(product, biases)
        if activation_fn is not None:
            net = activation_fn(net)
        net = tf.reshape(net, [*tf.unstack(tf.shape(features)[:3]), num_outputs])
        net.set_shape([*features.shape[:3], num_outputs])
    return net
