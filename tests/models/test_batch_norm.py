"""Batch normalization against its formula in NumPy, and as a part of slim's convolutions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim

from tf_image_segmentation.models import Network, batch_norm

DECAY, EPSILON = 0.9, 0.01
NAMES = ["beta", "gamma", "moving_mean", "moving_variance"]


def normalized_net(images, num_classes, is_training, compute_dtype="float32"):
    """A strided, an atrous separable and a plain convolution, two of them normalized."""
    params = {"is_training": is_training, "scale": True, "decay": DECAY, "epsilon": EPSILON}
    net = tf.cast(images, compute_dtype) / 255
    with slim.arg_scope(
        [slim.conv2d, slim.separable_conv2d], normalizer_fn=batch_norm, normalizer_params=params
    ):
        net = slim.conv2d(net, 6, 3, stride=2, scope="strided")
        net = slim.separable_conv2d(net, 5, 3, 2, rate=2, scope="separable")
    logits = slim.conv2d(net, num_classes, 1, activation_fn=None, scope="logits")
    return tf.repeat(tf.repeat(tf.cast(logits, tf.float32), 2, axis=1), 2, axis=2), {"net": net}


CASES = {"normalized_net": (normalized_net, (16, 24), {})}


def layer(images, num_classes, is_training, **options):
    return batch_norm(images, DECAY, epsilon=EPSILON, is_training=is_training, **options), {}


def randomized(function, **options) -> Network:
    network = Network(function, 3, **options)
    rng = np.random.default_rng(0)
    for variable in network.variables_by_name.values():
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return network


def values(network: Network) -> dict[str, np.ndarray]:
    return {name.split("/")[-1]: v.numpy() for name, v in network.variables_by_name.items()}


INPUTS = np.random.default_rng(1).normal(3, 2, (2, 4, 5, 3)).astype(np.float32)


def test_in_training_the_moments_of_the_batch_count_and_the_averages_follow():
    network = randomized(layer, scale=True)
    before = values(network)
    assert list(before) == NAMES
    found = network(INPUTS, is_training=True)
    flat = INPUTS.astype(np.float64).reshape(-1, 3)
    normalized = (INPUTS - flat.mean(0)) / np.sqrt(flat.var(0) + EPSILON)
    np.testing.assert_allclose(found, normalized * before["gamma"] + before["beta"], atol=1e-5)
    after = values(network)
    for name, moment in (("moving_mean", flat.mean(0)), ("moving_variance", flat.var(0, ddof=1))):
        expected = DECAY * before[name] + (1 - DECAY) * moment
        np.testing.assert_allclose(after[name], expected, rtol=1e-5)
    for name in ("beta", "gamma"):
        np.testing.assert_array_equal(after[name], before[name])
    assert set(network.trainable_variables_by_name) == {"BatchNorm/beta", "BatchNorm/gamma"}


def test_frozen_it_takes_the_averages_and_leaves_them():
    network = randomized(layer, scale=True)
    before = values(network)
    found = network(INPUTS)
    deviation = np.sqrt(before["moving_variance"] + EPSILON)
    expected = (INPUTS - before["moving_mean"]) / deviation * before["gamma"] + before["beta"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for name, value in values(network).items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["beta", "moving_mean", "moving_variance"]),
        ({"center": False}, ["moving_mean", "moving_variance"]),
        ({"center": False, "scale": True}, ["gamma", "moving_mean", "moving_variance"]),
        ({"scale": True, "trainable": False}, NAMES),
    ],
)
def test_offset_and_scale_are_options(options, names):
    network = randomized(layer, **options)
    assert list(values(network)) == names
    trained = [] if options.get("trainable") is False else [n for n in names if n[0] in "bg"]
    assert [n.split("/")[1] for n in network.trainable_variables_by_name] == trained


def test_the_activation_comes_last():
    found = randomized(layer, activation_fn=tf.nn.relu)(INPUTS)
    np.testing.assert_array_equal(found, np.maximum(randomized(layer)(INPUTS), 0))


def test_gradients_are_those_of_the_formula():
    network = randomized(layer, scale=True)
    upstream = np.random.default_rng(2).normal(size=INPUTS.shape)
    beta, gamma = list(network.trainable_variables_by_name.values())

    @tf.function
    def gradients(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = tf.reduce_sum(network(images, is_training=True) * upstream)
        return tape.gradient(loss, [images, beta, gamma])

    def loss_at(images, beta_value, gamma_value):
        flat = images.reshape(-1, 3)
        net = (images - flat.mean(0)) / np.sqrt(flat.var(0) + EPSILON)
        return np.sum((net * gamma_value + beta_value) * upstream)

    found = gradients(tf.constant(INPUTS))
    point = [INPUTS.astype(np.float64), beta.numpy().astype(float), gamma.numpy().astype(float)]
    for number, at in enumerate(((0, 1, 2, 1), (1,), (2,))):
        moved = [[value.copy() for value in point] for _ in range(2)]
        moved[0][number][at] += 1e-4
        moved[1][number][at] -= 1e-4
        numeric = (loss_at(*moved[0]) - loss_at(*moved[1])) / 2e-4
        np.testing.assert_allclose(found[number].numpy()[at], numeric, rtol=1e-3, atol=1e-3)


def test_convolutions_take_it_as_their_normalizer():
    network = randomized(normalized_net)
    names = [f"strided/BatchNorm/{name}" for name in NAMES]
    names += [f"separable/BatchNorm/{name}" for name in NAMES]
    names += ["separable/depthwise_weights", "separable/pointwise_weights", "strided/weights"]
    names += ["logits/biases", "logits/weights"]
    assert sorted(network.variables_by_name) == sorted(names)


def depthwise_in_numpy(net, kernel, rate):
    """Atrous depthwise convolution with SAME padding, position by position."""
    padded = np.pad(net, [(0, 0), (rate, rate), (rate, rate), (0, 0)])
    height, width, channels, multiplier = *net.shape[1:], kernel.shape[-1]
    result = np.zeros((*net.shape[:3], channels, multiplier))
    for i in range(3):
        for j in range(3):
            shifted = padded[:, i * rate : i * rate + height, j * rate : j * rate + width]
            result += shifted[..., np.newaxis] * kernel[i, j]
    return result.reshape(*net.shape[:3], channels * multiplier)


def test_separable_and_atrous_convolutions_in_numpy():
    def separable(images, num_classes, is_training):
        images = tf.cast(images, tf.float32)
        options = {"activation_fn": None, "biases_initializer": None}
        net = slim.separable_conv2d(images, 5, 3, 2, rate=2, scope="separable", **options)
        atrous = slim.conv2d(images, 5, 3, rate=2, scope="atrous", **options)
        return tf.concat([net, atrous], -1), {}

    network = randomized(separable)
    depthwise, pointwise, weights = (v.numpy() for v in network.variables_by_name.values())
    net = depthwise_in_numpy(INPUTS, depthwise, 2) @ pointwise[0, 0]
    atrous = sum(
        depthwise_in_numpy(INPUTS[..., c : c + 1], weights[:, :, c : c + 1], 2) for c in range(3)
    )
    np.testing.assert_allclose(
        network(INPUTS), np.concatenate([net, atrous], -1), rtol=1e-4, atol=1e-4
    )


def test_bfloat16_stays_close():
    exact, rounded = (
        randomized(normalized_net),
        randomized(normalized_net, compute_dtype="bfloat16"),
    )
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3)).astype(np.uint8)
    for is_training in (True, False):
        expected = exact(images, is_training).numpy()
        difference = np.abs(rounded(images, is_training).numpy() - expected).max()
        assert 0 < difference < 0.05 * np.ptp(expected)
    assert {v.dtype for v in rounded.variables_by_name.values()} == {tf.float32}


def test_in_a_plain_graph_the_updates_are_in_slims_collection():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        net = batch_norm(tf.constant(INPUTS), DECAY, is_training=True)
        average = tf.compat.v1.global_variables("BatchNorm/moving_mean")[0]
        trainable = [v.op.name for v in tf.compat.v1.trainable_variables()]
        assert trainable == ["BatchNorm/beta"]
        session.run(tf.compat.v1.global_variables_initializer())
        session.run(net)
        assert not np.any(session.run(average))
        session.run(tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS))
        expected = (1 - DECAY) * INPUTS.reshape(-1, 3).mean(0)
        np.testing.assert_allclose(session.run(average), expected, rtol=1e-5)


def test_two_replicas_normalize_by_the_moments_of_both():
    folder = Path(__file__).parent
    command = [sys.executable, str(folder / "two_replicas.py"), Path(__file__).stem]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    differences = json.loads(result.stdout)["normalized_net"]
    assert len(differences) == 13
    assert max(differences.values()) < 1e-4
