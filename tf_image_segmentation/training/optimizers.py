"""Keras optimizers whose update of a variable is one fused kernel.

Keras 3 composes an update from a dozen elementwise operations, each a pass over the weights; a
VGG-16 with its published head has 134 million of them. TensorFlow still has kernels that do
the same arithmetic in one pass.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.recipe import Recipe
from tf_image_segmentation.training.schedule import LearningRate


def _value(variable: Any) -> tf.Variable:
    return variable.value if isinstance(variable, keras.Variable) else variable


class FusedAdam(keras.optimizers.Adam):
    """Adam (Kingma and Ba, ICLR 2015); equal to ``keras.optimizers.Adam`` without amsgrad.

    Raises:
        ValueError: amsgrad is asked for.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.amsgrad:
            raise ValueError("FusedAdam has no amsgrad; use keras.optimizers.Adam for it")

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Updates one variable in place."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=_value(self._momentums[index]).handle,
            v=_value(self._velocities[index]).handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, tf.float32),
        )


class FusedMomentum(keras.optimizers.SGD):
    """Stochastic gradient descent with momentum; equal to ``keras.optimizers.SGD``."""

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Updates one variable in place."""
        if not self.momentum:
            super().update_step(gradient, variable, learning_rate)
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=_value(self.momentums[self._get_variable_index(variable)]).handle,
            lr=tf.cast(learning_rate, tf.float32),
            grad=tf.cast(gradient, tf.float32),
            momentum=self.momentum,
            use_nesterov=self.nesterov,
        )


def make_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """Returns the recipe's optimizer with its schedule."""
    rate = LearningRate(
        recipe.learning_rate, recipe.steps, recipe.schedule.name, recipe.warmup_steps
    )
    if recipe.optimizer.name == "momentum":
        return FusedMomentum(rate, **{"momentum": 0.9, **recipe.optimizer.arguments})
    if recipe.optimizer.name == "adam":
        return FusedAdam(rate, **recipe.optimizer.arguments)
    raise DataError(f"unknown optimizer {recipe.optimizer.name!r}; choose from adam, momentum")
