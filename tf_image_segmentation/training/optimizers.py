"""Optimizers by name; the built-in ones update a variable with one fused kernel.

Keras 3 composes an update from a dozen elementwise operations, each a pass over the weights; a
VGG-16 with its published head has 134 million of them. TensorFlow still has kernels that do
the same arithmetic in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, TypeVar

import keras
import msgspec
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import Registry
from tf_image_segmentation.structs import Decay, NotNegative
from tf_image_segmentation.training.recipe import Recipe
from tf_image_segmentation.training.schedules import LearningRate

OPTIMIZERS: Registry[Callable[..., keras.optimizers.Optimizer]] = Registry("optimizer")
"""Every optimizer by name, see `register_optimizer`."""

F = TypeVar("F", bound=Callable[..., Any])
_AboveZero = Annotated[float, msgspec.Meta(gt=0)]


def register_optimizer(function: F | None = None, *, name: str | None = None) -> Any:
    """Registers the decorated ``f(learning_rate, **arguments) -> keras.optimizers.Optimizer``.

    ``learning_rate`` is a `LearningRate`, which Keras takes as a schedule.

    Args:
        function: the optimizer.
        name: what recipes call it; the function's name unless given.

    Raises:
        DataError: another module has registered an optimizer of that name.
    """
    return OPTIMIZERS.register(function, name=name)


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


class FusedAdamW(FusedAdam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019, algorithm 2).

    ``w -= learning_rate * decay * w`` comes before the step of Adam. Only variables called
    ``weights`` decay, not biases and what belongs to a batch normalization.

    Args:
        learning_rate: as for Adam.
        decay: the factor.
        **options: of ``keras.optimizers.Adam``.
    """

    def __init__(self, learning_rate: Any, decay: float, **options: Any) -> None:
        super().__init__(learning_rate, **options)
        self._decay = decay
        self._decays: list[bool] = []

    def build(self, variables: list[tf.Variable]) -> None:
        """Creates the moments, and finds the variables that decay."""
        super().build(variables)
        self._decays = [variable.name.split(":")[0].endswith("/weights") for variable in variables]

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Updates one variable in place."""
        if self._decays[self._get_variable_index(variable)]:
            factor = tf.cast(learning_rate, tf.float32) * self._decay
            variable.assign_sub(factor * variable)
        super().update_step(gradient, variable, learning_rate)


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


@register_optimizer
def adam(
    learning_rate: LearningRate,
    beta_1: Decay = 0.9,
    beta_2: Decay = 0.999,
    epsilon: _AboveZero = 1e-7,
) -> FusedAdam:
    """Returns Adam (Kingma and Ba, ICLR 2015)."""
    return FusedAdam(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)


@register_optimizer
def adamw(
    learning_rate: LearningRate,
    weight_decay: NotNegative = 0.01,
    beta_1: Decay = 0.9,
    beta_2: Decay = 0.999,
    epsilon: _AboveZero = 1e-7,
) -> FusedAdamW:
    """Returns Adam with decoupled weight decay, see `FusedAdamW`."""
    return FusedAdamW(learning_rate, weight_decay, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)


@register_optimizer
def momentum(
    learning_rate: LearningRate, momentum: Decay = 0.9, nesterov: bool = False
) -> FusedMomentum:
    """Returns stochastic gradient descent with momentum."""
    return FusedMomentum(learning_rate, momentum=momentum, nesterov=nesterov)


def make_optimizer(
    recipe: Recipe, variables: Mapping[str, tf.Variable]
) -> keras.optimizers.Optimizer:
    """Returns the recipe's optimizer with its schedule, built for the variables.

    Args:
        recipe: what names the optimizer, and the factors of the learning rate.
        variables: what it trains, by name; see `trained_variables`.

    Raises:
        DataError: a part is unknown or does not take its arguments, or a pattern matches no name.
    """
    rate = LearningRate(recipe.learning_rate, recipe.steps, recipe.schedule, recipe.warmup_steps)
    make = OPTIMIZERS.bind(recipe.optimizer, "learning_rate")
    try:
        optimizer = make(rate)
    except (TypeError, ValueError) as error:  # Keras checks the ranges
        raise DataError(f"optimizer {recipe.optimizer.name}: {error}") from error
    optimizer.build(list(variables.values()))
    if recipe.learning_rate_factors:
        _scale_rates(optimizer, _factors(recipe.learning_rate_factors, variables))
    return optimizer


def trained_variables(
    variables: Mapping[str, tf.Variable], frozen: Sequence[str]
) -> dict[str, tf.Variable]:
    """Returns the variables whose names match no pattern of ``frozen``.

    Args:
        variables: the trainable variables of a network by name.
        frozen: patterns such as ``"*/conv1/*"``, see ``fnmatch``.

    Raises:
        DataError: a pattern matches no name, or no variable is left.
    """
    stays = {name for pattern in frozen for name in _matches("frozen", pattern, variables)}
    left = {name: variable for name, variable in variables.items() if name not in stays}
    if not left:
        raise DataError(f"frozen: {', '.join(frozen)} leave no variable to train; take one out")
    return left


def _factors(patterns: Mapping[str, float], variables: Mapping[str, tf.Variable]) -> list[float]:
    """Returns the factor of each variable: that of the last pattern that its name matches."""
    factors = dict.fromkeys(variables, 1.0)
    for pattern, factor in patterns.items():
        factors |= dict.fromkeys(_matches("learning_rate_factors", pattern, variables), factor)
    return list(factors.values())


def _matches(field: str, pattern: str, names: Iterable[str]) -> list[str]:
    found = [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        raise DataError(
            f"{field}: no variable matches {pattern!r}; the variables are {', '.join(names)}"
        )
    return found


def _scale_rates(optimizer: keras.optimizers.Optimizer, factors: Sequence[float]) -> None:
    """Makes an optimizer of any kind update each variable at a rate of its own."""
    update = optimizer.update_step

    def scaled(gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        update(gradient, variable, learning_rate * factors[optimizer._get_variable_index(variable)])

    optimizer.update_step = scaled
