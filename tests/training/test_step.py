"""A training step on two replicas computes what one device computes on the same global batch."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from two_cpus import run_on_two_cpus

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import Network, fcn_32s
from tf_image_segmentation.training.losses.total import make_loss
from tf_image_segmentation.training.optimizers import trained_variables
from tf_image_segmentation.training.step import TrainingStep

PROGRAM = """
from tf_image_segmentation.models import Network, fcn_8s
from tf_image_segmentation.training.optimizers import FusedAdam
from tf_image_segmentation.training.losses.total import make_loss
from tf_image_segmentation.training.step import TrainingStep

rng = np.random.default_rng(0)
images = rng.integers(0, 256, (4, 32, 64, 3)).astype(np.float32)
masks = rng.integers(0, 3, (4, 32, 64)).astype(np.uint8)
masks[0] = 255  # replicas see different numbers of labeled pixels
masks[1, 4:] = 255


def train(strategy):
    with strategy.scope():
        options = {"width_multiplier": 0.1, "fc6_kernel": 1, "dropout_keep_prob": 1.0}
        network = Network(fcn_8s, 3, **options)
        weights = np.random.default_rng(1)
        for name in sorted(network.variables_by_name):
            variable = network.variables_by_name[name]
            fan_in = int(np.prod(variable.shape[:-1]))
            variable.assign(weights.normal(0, np.sqrt(2 / max(fan_in, 1)) / 4, variable.shape))
        optimizer = FusedAdam(1e-3)
        loss = make_loss("cross_entropy", 255, (1.0, 2.0, 0.5))
        optimizer.build(list(network.variables_by_name.values()))
        step = TrainingStep(network, optimizer, loss, weight_decay=1e-3)
    batches = tf.data.Dataset.from_tensors((images, masks)).repeat()
    iterator = iter(strategy.experimental_distribute_dataset(batches))
    losses = [float(step(*next(iterator))) for _ in range(4)]
    values = {name: v.numpy() for name, v in network.variables_by_name.items()}
    return losses, values


one_losses, one = train(tf.distribute.get_strategy())
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
two_losses, two = train(strategy)
assert one_losses[0] != one_losses[-1]
np.testing.assert_allclose(two_losses, one_losses, rtol=1e-5)
for name, value in one.items():
    np.testing.assert_allclose(two[name], value, atol=1e-5, err_msg=name)
"""


def test_two_replicas_equal_one_device():
    run_on_two_cpus(PROGRAM)


def test_weight_decay_is_part_of_the_loss_and_shrinks_weights_only():
    network = Network(fcn_32s, 3, width_multiplier=0.05, fc6_kernel=1)
    for variable in network.variables_by_name.values():
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    before = {name: v.numpy() for name, v in network.variables_by_name.items()}
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(list(network.variables_by_name.values()))
    step = TrainingStep(network, optimizer, make_loss(ignore_label=255), weight_decay=0.5)
    # Without a labeled pixel there is nothing but the decay.
    loss = step(tf.zeros([1, 32, 32, 3]), tf.fill([1, 32, 32], np.uint8(255)))
    squares = sum((v.astype(np.float64) ** 2).sum() for n, v in before.items() if "weights" in n)
    np.testing.assert_allclose(loss, 0.5 * squares / 2, rtol=1e-5)
    for name, variable in network.variables_by_name.items():
        factor = 1 - 0.1 * 0.5 if name.endswith("/weights") else 1
        np.testing.assert_allclose(variable, factor * before[name], rtol=1e-4, atol=1e-6)


def thin_network():
    network = Network(fcn_32s, 3, width_multiplier=0.05, fc6_kernel=1, dropout_keep_prob=1.0)
    rng = np.random.default_rng(1)
    for variable in network.variables_by_name.values():
        fan_in = int(np.prod(variable.shape[:-1]))
        variable.assign(rng.normal(0, np.sqrt(2 / max(fan_in, 1)), variable.shape))
    return network


def after_a_step(accumulate):
    network = thin_network()
    variables = network.trainable_variables_by_name
    optimizer = keras.optimizers.SGD(1e-3)
    optimizer.build(list(variables.values()))
    loss = make_loss(["cross_entropy", "focal"], 255, (1.0, 2.0, 0.5))
    step = TrainingStep(network, optimizer, loss, weight_decay=0.1, accumulate=accumulate)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    masks = rng.integers(0, 3, (4, 32, 32)).astype(np.uint8)
    masks[0] = 255  # micro batches of different weight, one of them without any
    masks[1, 4:] = 255
    value = float(step(images, masks))
    assert int(optimizer.iterations) == 1
    return value, {name: v.numpy() for name, v in variables.items()}


def test_accumulated_micro_batches_equal_the_whole_batch():
    whole, expected = after_a_step(1)
    for accumulate in (2, 4):
        loss, found = after_a_step(accumulate)
        np.testing.assert_allclose(loss, whole, rtol=1e-5)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_batch_that_does_not_divide_into_micro_batches_is_refused():
    with pytest.raises(DataError, match="a batch of 4 a device does not divide into 3 micro"):
        after_a_step(3)


def test_only_the_given_variables_move():
    network = thin_network()
    before = {name: v.numpy() for name, v in network.variables_by_name.items()}
    trained = trained_variables(network.trainable_variables_by_name, ["*/conv*"])
    optimizer = keras.optimizers.SGD(1e-3)
    optimizer.build(list(trained.values()))
    loss = make_loss(ignore_label=255)
    step = TrainingStep(network, optimizer, loss, trained, weight_decay=0.5)
    step(tf.fill([1, 32, 32, 3], 200.0), tf.ones([1, 32, 32], tf.int32))
    for name, variable in network.variables_by_name.items():
        assert np.array_equal(variable, before[name]) == ("/conv" in name), name
