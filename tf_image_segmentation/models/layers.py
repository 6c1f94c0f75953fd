"""Layers that slim lacks, or that need another form under TensorFlow 2.

- `product_conv2d`: a convolution as one matrix product, for few positions and many channels. At
  stride 32 a feature map has a few hundred positions, while fc6 has 103 million weights. There the
  time goes into bringing the weights into the order that a convolution kernel wants. A matrix
  product takes them as they lie, and its gradients are matrix products, too.
- `batch_norm`: slim's own does not run on Keras 3.
- `dropout`: follows from a seed alone, so that a resumed run equals one that was not stopped.
- `upsample_aligned`: bilinear upsampling that keeps corners, as DeepLab's models do.
- `upsample_bilinear`: fixed bilinear upsampling by an integer factor. The classic way is a
  transposed convolution whose weights are a bilinear kernel between each class and itself and zero
  between different classes: for 21 classes and a factor of 32, a 64x64x21x21 array of which 20 of
  21 parts are zeros. The bilinear kernel is an outer product, so the same numbers come from one
  small matrix for the rows and one for the columns.

``slim.conv2d`` (``rate`` makes it atrous), ``slim.separable_conv2d`` and ``slim.max_pool2d`` work
as they are.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_slim as slim

# TensorFlow's fused kernel takes no smaller epsilon.
_LEAST_EPSILON = 1.001e-5


class _ArgumentScopes(threading.local):
    """The stack of slim's argument scopes, one for each thread.

    slim has one for the process. Replicas are threads that take turns where they exchange moments,
    in the middle of an argument scope, so they would leave each other's.
    """

    def __init__(self) -> None:
        self.stack: list[dict[Any, Any]] = [{}]


_argument_scopes = _ArgumentScopes()
importlib.import_module("tf_slim.ops.arg_scope")._get_arg_stack = (  # type: ignore[attr-defined]
    lambda: _argument_scopes.stack
)


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


@slim.add_arg_scope
def batch_norm(
    inputs: tf.Tensor,
    decay: float = 0.999,
    center: bool = True,
    scale: bool = False,
    epsilon: float = 0.001,
    activation_fn: Callable[[tf.Tensor], tf.Tensor] | None = None,
    is_training: bool = True,
    trainable: bool = True,
    scope: str | None = None,
) -> tf.Tensor:
    """Does what ``slim.batch_norm`` does, and gives replicas together what one device gives.

    Use it as ``slim.conv2d(..., normalizer_fn=batch_norm, normalizer_params={...})``. Variables and
    defaults are slim's. In training, the moments are those of the whole batch of all replicas, and
    the moving averages follow at once; in a plain ``tf.Graph`` the updates are in the collection
    UPDATE_OPS, as slim's are. With ``is_training=False`` (a frozen layer), the moving averages are
    used and stay, while gamma and beta are still trained.

    Args:
        inputs: [batch, height, width, channels], float32 or bfloat16.
        decay: of the moving averages.
        center: whether ``beta`` is added.
        scale: whether ``gamma`` multiplies.
        epsilon: added to the variance.
        activation_fn: applied at the end; None for none.
        is_training: whether the moments of the batch are used.
        trainable: whether gamma and beta get gradients.
        scope: variable scope of ``beta``, ``gamma``, ``moving_mean`` and ``moving_variance``, each
            float32 [channels]; "BatchNorm" by default.

    Returns:
        Of the shape and type of ``inputs``.

    Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015; the moving variance has Bessel's
    correction, as slim's fused form has.
    """
    channels = inputs.shape[-1]

    def variable(name: str, value: float, trainable: bool) -> tf.Variable:
        initializer = tf.compat.v1.constant_initializer(value)
        return slim.model_variable(name, [channels], tf.float32, initializer, trainable=trainable)

    with tf.compat.v1.variable_scope(scope, "BatchNorm", [inputs]):
        beta = variable("beta", 0.0, trainable) if center else tf.zeros([channels])
        gamma = variable("gamma", 1.0, trainable) if scale else tf.ones([channels])
        moving = variable("moving_mean", 0.0, False), variable("moving_variance", 1.0, False)
        if is_training:
            net, *moments = _normalize_batch(inputs, gamma, beta, epsilon)
            for average, value in zip(moving, moments, strict=True):
                update = average.assign_sub((average - value) * (1.0 - decay))
                if not tf.inside_function():  # inside of one, it runs by itself
                    tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.UPDATE_OPS, update)
        else:
            net, *_ = tf.compat.v1.nn.fused_batch_norm(
                inputs, gamma, beta, *moving, epsilon=epsilon, is_training=False
            )
    return net if activation_fn is None else activation_fn(net)


def _normalize_batch(
    inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalizes by the moments of all replicas; returns these with it."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tf.compat.v1.nn.fused_batch_norm(inputs, gamma, beta, epsilon=epsilon)

    def over_replicas(value: tf.Tensor) -> tf.Tensor:
        return context.all_reduce(tf.distribute.ReduceOp.SUM, value)

    values = tf.cast(inputs, tf.float32)
    positions = tf.reduce_prod(tf.shape(inputs)[:-1])
    count = over_replicas(tf.cast(positions, tf.float32))
    mean = over_replicas(tf.reduce_sum(values, [0, 1, 2])) / count
    # In two passes: the mean of squares less the square of the mean would cancel.
    variance = over_replicas(tf.reduce_sum((values - mean) ** 2, [0, 1, 2])) / count
    epsilon = max(epsilon, _LEAST_EPSILON)
    net = tf.nn.batch_normalization(values, mean, variance, beta, gamma, epsilon)
    unbiased = variance * count / tf.maximum(count - 1.0, 1.0)
    return tf.cast(net, inputs.dtype), mean, unbiased


def dropout(
    net: tf.Tensor, keep_prob: float, is_training: bool, seed: tf.Tensor | None, scope: str
) -> tf.Tensor:
    """Drops activations in training, as ``slim.dropout`` does.

    Args:
        net: the activations.
        keep_prob: probability that one is kept.
        is_training: whether any is dropped.
        seed: int32 [2] that decides alone what is dropped; None uses the op's random state.
        scope: name of the op.
    """
    if seed is None or not is_training:
        return slim.dropout(net, keep_prob, is_training=is_training, scope=scope)
    return tf.nn.experimental.stateless_dropout(net, rate=1.0 - keep_prob, seed=seed)


def interpolation_matrix(size: tf.Tensor | int, factor: int, dtype: tf.DType) -> tf.Tensor:
    """Returns the matrix [factor * size, size] that upsamples a column of ``size`` values.

    Entry [i, j] is ``max(0, 1 - |(i + 0.5) / factor - 0.5 - j|)``: the triangle kernel of width
    ``2 * factor - factor % 2`` that a transposed convolution with SAME padding applies. Rows near
    the ends sum to less than 1, because beyond the border there are zeros.
    """
    outputs = (tf.cast(tf.range(size * factor), tf.float32) + 0.5) / factor - 0.5
    inputs = tf.cast(tf.range(size), tf.float32)
    distance = tf.abs(outputs[:, tf.newaxis] - inputs[tf.newaxis, :])
    return tf.cast(tf.nn.relu(1.0 - distance), dtype)


def upsample_bilinear(scores: tf.Tensor, factor: int) -> tf.Tensor:
    """Upsamples ``scores`` [batch, height, width, channels] by ``factor`` in height and width.

    Equal to ``tf.nn.conv2d_transpose`` with the bilinear kernel of size
    ``2 * factor - factor % 2``, stride ``factor`` and SAME padding (Long et al., "Fully
    Convolutional Networks for Semantic Segmentation", CVPR 2015, section 3.3).
    """
    height, width = tf.unstack(tf.shape(scores)[1:3])
    rows = interpolation_matrix(height, factor, scores.dtype)
    columns = interpolation_matrix(width, factor, scores.dtype)
    result = _interpolated(scores, rows, columns)
    # Reshaping hides what is known of the size; later layers may want it.
    sides = [side and side * factor for side in scores.shape[1:3]]
    result.set_shape([scores.shape[0], *sides, scores.shape[3]])
    return result


def _interpolated(values: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Multiplies the columns of ``values`` [batch, height, width, channels], then its rows."""
    batch, height, width = tf.unstack(tf.shape(values)[:3])
    channels = values.shape[3]
    tall = tf.matmul(rows, tf.reshape(values, [batch, height, width * channels]))
    return tf.matmul(columns, tf.reshape(tall, [batch, tf.shape(rows)[0], width, channels]))


def upsample_aligned(values: tf.Tensor, factor: int) -> tf.Tensor:
    """Upsamples ``values`` [batch, height, width, channels] bilinearly; corners stay corners.

    Equal to ``tf.compat.v1.image.resize_bilinear(..., align_corners=True)``.

    Returns:
        [batch, (height - 1) * factor + 1, (width - 1) * factor + 1, channels].
    """
    if factor == 1:
        return values

    def matrix(size: tf.Tensor) -> tf.Tensor:
        outputs = tf.cast(tf.range((size - 1) * factor + 1), tf.float32) / factor
        inputs = tf.cast(tf.range(size), tf.float32)
        distance = tf.abs(outputs[:, tf.newaxis] - inputs[tf.newaxis, :])
        return tf.cast(tf.nn.relu(1.0 - distance), values.dtype)

    height, width = tf.unstack(tf.shape(values)[1:3])
    return _interpolated(values, matrix(height), matrix(width))
