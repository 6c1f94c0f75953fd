"""Trains a model on one device and on two replicas of one process, for tests.

``two_replicas.py MODULE`` imports ``CASES`` of a module beside it: name -> (function, size,
options). It prints as JSON, for each case and variable, the largest difference of the gradient, or
of the change of a moving average, as a share of the largest value.
"""

from __future__ import annotations

import importlib
import json
import sys

import numpy as np
import tensorflow as tf

cpus = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], cpus)

from tf_image_segmentation.models import Network  # noqa: E402


def randomize(network: Network) -> None:
    rng = np.random.default_rng(1)
    for name in sorted(network.variables_by_name):
        variable = network.variables_by_name[name]
        if name.endswith("weights"):
            fan_in = int(np.prod(variable.shape[:-1]))
            variable.assign(rng.normal(0, np.sqrt(1 / fan_in), variable.shape))


def train(strategy, function, size, options) -> dict[str, np.ndarray]:
    """Returns the gradients of a step, and the changes of the variables that get none."""
    with strategy.scope():
        network = Network(function, 3, **options)
        randomize(network)
    before = {name: v.numpy() for name, v in network.variables_by_name.items()}
    images = np.random.default_rng(0).integers(0, 256, (4, *size, 3)).astype(np.float32)
    images[2:] *= 0.3  # each replica sees images of its own kind
    variables = network.trainable_variables_by_name

    def replica_step(batch):
        with tf.GradientTape() as tape:
            logits = network(batch, is_training=True)
            loss = -tf.reduce_sum(tf.nn.log_softmax(logits)[..., 0]) / (4 * size[0] * size[1])
        return tape.gradient(loss, list(variables.values()))

    @tf.function(autograph=False)
    def step(batch):
        gradients = strategy.run(replica_step, args=(batch,))
        return [strategy.reduce(tf.distribute.ReduceOp.SUM, g, axis=None) for g in gradients]

    dataset = tf.data.Dataset.from_tensors(images)
    batch = next(iter(strategy.experimental_distribute_dataset(dataset)))
    updates = {name: g.numpy() for name, g in zip(variables, step(batch), strict=True)}
    for name, variable in network.variables_by_name.items():
        first, *others = (copy.numpy() for copy in strategy.experimental_local_results(variable))
        assert all(np.array_equal(first, other) for other in others), name
        if name not in variables:
            updates[name] = first - before[name]
    return updates


def compare(strategy, function, size, options) -> dict[str, float]:
    one = train(tf.distribute.get_strategy(), function, size, options)
    two = train(strategy, function, size, options)
    largest = {name: float(np.abs(value).max()) for name, value in one.items()}
    differences = {name: float(np.abs(two[name] - one[name]).max()) for name in one}
    scale = max(largest.values())
    return {name: differences[name] / max(largest[name], 1e-4 * scale) for name in one}


if __name__ == "__main__":
    cases = importlib.import_module(sys.argv[1]).CASES
    # One for all: a second one on the same devices would use the keys of the first again.
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    print(json.dumps({name: compare(mirrored, *case) for name, case in cases.items()}))
