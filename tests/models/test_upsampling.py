"""Separable upsampling, held against TensorFlow's dense transposed convolution."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_image_segmentation.models.layers import upsample_bilinear


def classic_kernel(factor: int, classes: int) -> np.ndarray:
    size = 2 * factor - factor % 2
    center = factor - 1 if size % 2 == 1 else factor - 0.5
    rows, columns = np.ogrid[:size, :size]
    bilinear = (1 - abs(rows - center) / factor) * (1 - abs(columns - center) / factor)
    kernel = np.zeros((size, size, classes, classes), np.float32)
    for label in range(classes):
        kernel[:, :, label, label] = bilinear
    return kernel


@pytest.mark.parametrize("factor", [2, 3, 8, 16, 32])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (12, 12)])
def test_equals_transposed_convolution_borders_included(factor, size):
    scores = np.random.default_rng(0).normal(0, 10, (2, *size, 21)).astype(np.float32)
    output_shape = [2, size[0] * factor, size[1] * factor, 21]
    expected = tf.nn.conv2d_transpose(
        scores, classic_kernel(factor, 21), output_shape, factor, "SAME"
    )
    np.testing.assert_allclose(upsample_bilinear(scores, factor), expected, atol=1e-4)


def test_gradient_equals_that_of_the_transposed_convolution():
    scores = tf.constant(np.random.default_rng(0).normal(size=(1, 4, 6, 3)), tf.float32)
    weights = tf.constant(np.random.default_rng(1).normal(size=(1, 32, 48, 3)), tf.float32)
    gradients = []
    for upsample in (
        lambda x: upsample_bilinear(x, 8),
        lambda x: tf.nn.conv2d_transpose(x, classic_kernel(8, 3), [1, 32, 48, 3], 8, "SAME"),
    ):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            loss = tf.reduce_sum(upsample(scores) * weights)
        gradients.append(tape.gradient(loss, scores))
    np.testing.assert_allclose(*gradients, atol=1e-4)


def test_unknown_sizes_in_a_graph():
    upsample = tf.function(
        lambda x: upsample_bilinear(x, 4),
        input_signature=[tf.TensorSpec([None, None, None, 2], tf.float32)],
    )
    scores = tf.random.stateless_uniform([1, 3, 5, 2], [0, 1])
    np.testing.assert_allclose(upsample(scores), upsample_bilinear(scores, 4), atol=1e-6)
