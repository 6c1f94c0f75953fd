"""The convolution as a matrix product is slim's convolution."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim

from tf_image_segmentation.models import fcn_16s
from tf_image_segmentation.models.layers import neighborhoods, product_conv2d

SHAPE = (2, 5, 4, 3)


def run(layer, features, weights, biases, sizes_known=True):
    """Returns result, gradients by features, weights and biases, and the variables' shapes."""
    graph = tf.Graph()
    with graph.as_default():
        shape = features.shape if sizes_known else [None, None, None, features.shape[3]]
        images = tf.compat.v1.placeholder(tf.float32, shape)
        result = layer(images)
        variables = {v.op.name: v for v in tf.compat.v1.global_variables()}
        upstream = tf.cast(tf.range(tf.size(result)), tf.float32)
        loss = tf.reduce_sum(tf.reshape(tf.sin(upstream), tf.shape(result)) * result)
        weight, bias = variables["head/weights"], variables["head/biases"]
        gradients = tf.gradients(loss, [images, weight, bias])
        with tf.compat.v1.Session(graph=graph) as session:
            weight.load(weights, session)
            bias.load(biases, session)
            values = session.run([result, *gradients], {images: features})
        return values, {name: v.shape.as_list() for name, v in variables.items()}


@pytest.mark.parametrize("sizes_known", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_equals_slim_conv2d_with_its_gradients(size, sizes_known):
    rng = np.random.default_rng(size)
    features = rng.normal(size=SHAPE).astype(np.float32)
    weights = rng.normal(size=(size, size, 3, 6)).astype(np.float32)
    biases = rng.normal(size=6).astype(np.float32)
    found, variables = run(
        lambda x: product_conv2d(x, 6, size, "head"), features, weights, biases, sizes_known
    )
    expected, names = run(
        lambda x: slim.conv2d(x, 6, size, scope="head"), features, weights, biases
    )
    assert variables == names
    for value, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-4, atol=1e-4)


def test_an_argument_scope_regularizes_all_weights():
    with tf.Graph().as_default():
        regularizer = slim.l2_regularizer(0.1)
        with slim.arg_scope([slim.conv2d, product_conv2d], weights_regularizer=regularizer):
            fcn_16s(tf.zeros([1, 32, 32, 3]), 3, width_multiplier=0.05)
        weights = [v for v in tf.compat.v1.global_variables() if v.op.name.endswith("weights")]
        assert len(slim.losses.get_regularization_losses()) == len(weights) == 17


def test_neighborhoods_against_a_loop():
    features = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    padded = np.pad(features, [(0, 0), (1, 1), (1, 1), (0, 0)])
    found = neighborhoods(tf.constant(features), 3).numpy()
    for row in range(SHAPE[1]):
        for column in range(SHAPE[2]):
            around = padded[:, row : row + 3, column : column + 3].reshape(SHAPE[0], -1)
            np.testing.assert_array_equal(found[:, row, column], around)
