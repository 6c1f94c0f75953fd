"""A training step on two replicas computes what one device computes on the same global batch."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import numpy as np
import tensorflow as tf

cpus = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], cpus)

from tf_image_segmentation.models import Network, fcn_8s
from tf_image_segmentation.training.optimizers import FusedAdam
from tf_image_segmentation.training.step import TrainingStep

rng = np.random.default_rng(0)
images = rng.integers(0, 256, (4, 32, 64, 3)).astype(np.float32)
masks = rng.integers(0, 3, (4, 32, 64)).astype(np.uint8)
masks[0] = 255  # replicas see different numbers of labelled pixels
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
        optimizer.build(list(network.variables_by_name.values()))
        step = TrainingStep(network, optimizer, 255, weight_decay=1e-3, weights=(1.0, 2.0, 0.5))
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
print("equal")
"""


def test_two_replicas_equal_one_device():
    command = [sys.executable, "-c", PROGRAM]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "equal", result.stderr[-3000:]
