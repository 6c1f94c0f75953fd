"""Fixed bilinear upsampling by an integer factor.

The classic way is a transposed convolution whose weights are a bilinear kernel between each class
and itself and zero between different classes: for 21 classes and a factor of 32, a 64x64x21x21
array of which 20 of 21 parts are zeros. The bilinear kernel is an outer product, so the same
numbers come from one small matrix for the rows and one for the columns.
"""

from __future__ import annotations

import tensorflow as tf


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
    shape = tf.shape(scores)
    batch, height, width = shape[0], shape[1], shape[2]
    channels = scores.shape[3]
    rows = interpolation_matrix(height, factor, scores.dtype)
    columns = interpolation_matrix(width, factor, scores.dtype)
    tall = tf.matmul(rows, tf.reshape(scores, [batch, height, width * channels]))
    tall = tf.reshape(tall, [batch, height * factor, width, channels])
    result = tf.matmul(columns, tall)
    # The reshape above hides what is known of the size; later layers may want it.
    sides = [side and side * factor for side in scores.shape[1:3]]
    result.set_shape([scores.shape[0], *sides, channels])
    return result
