"""Averages of a network's weights over the steps of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from tf_image_segmentation.models.network import Network


class Averages:
    """Exponential moving averages of all variables of a network.

    After each step, ``average += (1 - d) * (weight - average)`` with ``d`` the smaller of the decay
    and ``(1 + step) / (10 + step)``, as ``tf.train.ExponentialMovingAverage`` does: so the random
    start is soon forgotten. Every replica does the same to its own copy.

    Args:
        network: whose variables are averaged. Averages are made in the strategy's scope.
        decay: 0 to 1; 0.999 averages over about the last thousand steps.

    Attributes:
        by_name: the averages by the names of the variables.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self._strategy, self._decay = tf.distribute.get_strategy(), decay
        self._variables = network.variables_by_name
        self.by_name = {
            name: tf.Variable(tf.zeros(variable.shape), trainable=False, name=f"{name}/average")
            for name, variable in self._variables.items()
        }

    def start(self) -> None:
        """Sets the averages to the weights."""
        for name, variable in self._variables.items():
            self.by_name[name].assign(tf.convert_to_tensor(variable))

    @tf.function(autograph=False)
    def _update(self, rate: tf.Tensor) -> None:
        for name, variable in self._variables.items():
            self._strategy.extended.update(
                self.by_name[name],
                lambda average, weight: average.assign_add(rate * (weight - average)),
                args=(variable,),
            )

    def update(self, step: int) -> None:
        """Takes in the weights after ``step``, counted from 1."""
        decay = min(self._decay, (1 + step) / (10 + step))
        self._update(tf.constant(1 - decay, tf.float32))

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Puts the averages in the place of the weights, and the weights back at the end."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for name, variable in self._variables.items():
            average = self.by_name[name]
            weight = tf.identity(tf.convert_to_tensor(variable))
            variable.assign(tf.convert_to_tensor(average))
            average.assign(weight)
