"""The step of this package, as its trainer takes it."""

from __future__ import annotations

import tensorflow as tf
from training_step_problem import IGNORE_LABEL, Problem, Step

from tf_image_segmentation.models import Network, fcn_32s
from tf_image_segmentation.training.losses.total import make_loss
from tf_image_segmentation.training.optimizers import FusedAdam
from tf_image_segmentation.training.step import TrainingStep


def make_network(problem: Problem, dtype: str) -> Network:
    """Returns the network with the problem's weights, computing in ``dtype``."""
    network = Network(
        fcn_32s,
        problem.classes,
        dtype,
        width_multiplier=problem.width,
        dropout_keep_prob=problem.keep_prob,
    )
    for name, kernel, biases in problem.weights():
        network.variables_by_name[f"fcn_32s/vgg_16/{name}/weights"].assign(kernel)
        network.variables_by_name[f"fcn_32s/vgg_16/{name}/biases"].assign(biases)
    return network


def make_step(problem: Problem, dtype: str) -> Step:
    """Returns what trains the network once, in ``dtype`` "float32" or "bfloat16"."""
    network = make_network(problem, dtype)
    optimizer = FusedAdam(problem.learning_rate, epsilon=problem.epsilon)
    optimizer.build(list(network.variables_by_name.values()))
    training_step = TrainingStep(network, optimizer, make_loss(ignore_label=IGNORE_LABEL))
    images, labels = map(tf.constant, problem.batch())
    return lambda: float(training_step(images, labels))
