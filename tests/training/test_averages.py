"""Averages of weights: their formula, their place in a run, and on several replicas."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import StopAfter, losses, run_quietly
from two_cpus import run_on_two_cpus

from tf_image_segmentation.models import Network, fcn_32s
from tf_image_segmentation.training.averages import Averages

NAME = "fcn_32s/vgg_16/fc8/biases"
PROGRAM = """
from tf_image_segmentation.models import Network, fcn_32s
from tf_image_segmentation.training.averages import Averages

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    network = Network(fcn_32s, 3, width_multiplier=0.05, fc6_kernel=1)
    averages = Averages(network, 0.5)
weight = network.variables_by_name["fcn_32s/vgg_16/fc8/biases"]
average = averages.by_name["fcn_32s/vgg_16/fc8/biases"]
weight.assign([1.0, 2.0, 3.0])
averages.start()
weight.assign([3.0, 2.0, 1.0])
for step in (100, 101):
    averages.update(step)
with averages.in_use():
    for copy in strategy.experimental_local_results(weight):
        np.testing.assert_allclose(copy, [2.5, 2.0, 1.5])
for copy in strategy.experimental_local_results(average):
    np.testing.assert_allclose(copy, [2.5, 2.0, 1.5])
for copy in strategy.experimental_local_results(weight):
    np.testing.assert_allclose(copy, [3.0, 2.0, 1.0])
"""


def test_averages_follow_the_formula():
    network = Network(fcn_32s, 3, width_multiplier=0.05, fc6_kernel=1)
    averages = Averages(network, 0.9)
    variable = network.variables_by_name[NAME]
    variable.assign([1.0, 2.0, 3.0])
    averages.start()
    expected, rng = variable.numpy().astype(np.float64), np.random.default_rng(0)
    for step in range(1, 150):
        weight = rng.normal(size=3)
        variable.assign(weight)
        averages.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
    np.testing.assert_allclose(averages.by_name[NAME], expected, rtol=1e-4)


def test_both_copies_of_two_replicas_are_averaged():
    run_on_two_cpus(PROGRAM)


def test_weights_come_back_even_after_an_error():
    network = Network(fcn_32s, 3, width_multiplier=0.05, fc6_kernel=1)
    averages = Averages(network, 0.9)
    before = [variable.numpy() for variable in network.variables]
    with pytest.raises(RuntimeError), averages.in_use():
        assert not np.any(network.variables_by_name["fcn_32s/vgg_16/conv1/conv1_1/weights"])
        raise RuntimeError
    for variable, value in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def weights(folder) -> np.ndarray:
    reader = tf.train.load_checkpoint(str(folder))
    return reader.get_tensor("fcn_32s/vgg_16/fc8/weights")


def validations(config) -> list[dict]:
    lines = (config.run_dir / "metrics.jsonl").read_text().splitlines()
    found = [line for line in map(json.loads, lines) if "val_mean_iou" in line]
    return [{name: line[name] for name in line if name != "seconds"} for line in found]


def test_models_are_averaged_and_the_run_trains_the_same_weights(make_config, monkeypatch):
    plain, averaged = make_config("plain"), make_config("averaged", ema=0.5)
    for config in (plain, averaged):
        run_quietly(config)
    assert losses(averaged) == losses(plain)
    assert validations(averaged) != validations(plain)
    last = [weights(config.run_dir / "model" / "last") for config in (plain, averaged)]
    assert np.abs(last[0] - last[1]).max() > 0
    reader = tf.train.load_checkpoint(str(averaged.run_dir / "checkpoints" / "ckpt-6"))
    key = "{}/fcn_32s..vgg_16..fc8..weights/.ATTRIBUTES/VARIABLE_VALUE"
    np.testing.assert_array_equal(reader.get_tensor(key.format("averages")), last[1])
    np.testing.assert_array_equal(reader.get_tensor(key.format("weights")), last[0])

    stopped = make_config("stopped", ema=0.5)
    with monkeypatch.context() as patch:
        StopAfter(patch, 4)
        run_quietly(stopped)
    run_quietly(stopped, resume=True)
    assert losses(stopped) == losses(plain)
    assert validations(stopped) == validations(averaged)
    np.testing.assert_array_equal(weights(stopped.run_dir / "model" / "last"), last[1])
