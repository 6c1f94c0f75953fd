"""The step of the classic system: a graph and a session of TensorFlow 1."""

from __future__ import annotations

import warnings

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1
import tf_slim as slim
from training_step_problem import IGNORE_LABEL, RGB_MEAN, STRIDE, Problem, Step


def bilinear_kernel(factor: int, classes: int) -> np.ndarray:
    """Returns the dense kernel [2 factor, 2 factor, classes, classes], ``factor`` even.

    Each class is upsampled from itself alone, so all of it but the diagonal is zero.
    """
    triangle = 1 - np.abs(np.arange(2 * factor) - (factor - 0.5)) / factor
    return np.einsum("i,j,cd->ijcd", triangle, triangle, np.eye(classes)).astype(np.float32)


def build_logits(problem: Problem, images: tf.Tensor) -> tf.Tensor:
    """Returns the logits [batch, size, size, classes] of ``images`` [batch, size, size, 3]."""
    net, stride = tf.cast(images, tf.float32) - tf.constant(RGB_MEAN), 1
    with v1.variable_scope("vgg_16"), warnings.catch_warnings():
        # tf-slim calls Keras layers by names that Keras has deprecated.
        warnings.filterwarnings("ignore", message=".*`layer\\.(apply|updates)`")
        for layer in problem.layers():
            if layer.stride > stride:
                net, stride = slim.max_pool2d(net, 2), layer.stride
            activation = None if layer.name == "fc8" else tf.nn.relu
            net = slim.conv2d(
                net, layer.outputs, layer.kernel, activation_fn=activation, scope=layer.name
            )
            if layer.name in ("fc6", "fc7"):
                net = slim.dropout(net, problem.keep_prob, is_training=True)
    kernel = tf.constant(bilinear_kernel(STRIDE, problem.classes))
    shape = tf.stack([*tf.unstack(tf.shape(images)[:3]), problem.classes])
    strides = [1, STRIDE, STRIDE, 1]
    return v1.nn.conv2d_transpose(net, kernel, output_shape=shape, strides=strides)


def build_loss(problem: Problem, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns the mean cross entropy over the pixels of ``labels`` that have a class."""
    one_hot = tf.one_hot(labels, problem.classes)
    valid = tf.where(tf.not_equal(labels, IGNORE_LABEL))
    cross_entropies = tf.nn.softmax_cross_entropy_with_logits(
        labels=tf.gather_nd(one_hot, valid), logits=tf.gather_nd(logits, valid)
    )
    return tf.reduce_mean(cross_entropies)


def _assign_weights(problem: Problem, session: v1.Session) -> None:
    initializers = {v.op.name: v.initializer for v in v1.global_variables()}
    for name, kernel, biases in problem.weights():
        for part, value in (("weights", kernel), ("biases", biases)):
            initializer = initializers[f"vgg_16/{name}/{part}"]
            session.run(initializer, {initializer.inputs[1]: value})


def make_step(problem: Problem, dtype: str) -> Step:
    """Builds the graph and returns what runs it once; ``dtype`` is float32."""
    if dtype != "float32":
        raise ValueError(f"the classic graph computes in float32, not {dtype}")
    images_batch, labels_batch = problem.batch()
    with tf.Graph().as_default():
        images = v1.placeholder(tf.uint8, images_batch.shape)
        labels = v1.placeholder(tf.uint8, labels_batch.shape)
        loss = build_loss(problem, build_logits(problem, images), labels)
        optimizer = v1.train.AdamOptimizer(problem.learning_rate, epsilon=problem.epsilon)
        update = optimizer.minimize(loss)
        session = v1.Session()
        session.run(v1.global_variables_initializer())
        _assign_weights(problem, session)
    feed = {images: images_batch, labels: labels_batch}
    return lambda: float(session.run([loss, update], feed)[0])
