"""How the learning rate changes over a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import keras
import tensorflow as tf

from tf_image_segmentation.registry import Part, Registry
from tf_image_segmentation.structs import Exponent, Fraction

SCHEDULES: Registry[Callable[..., tf.Tensor]] = Registry("schedule")
"""Every schedule by name, see `register_schedule`."""

F = TypeVar("F", bound=Callable[..., Any])


def register_schedule(function: F | None = None, *, name: str | None = None) -> Any:
    """Registers the decorated ``f(step, steps, **arguments) -> factor``.

    ``step``, a float32 scalar tensor, counts from 0; ``steps`` is a float, the steps of the run.
    The learning rate of a recipe is multiplied by the factor and by the warm-up.

    Args:
        function: the schedule.
        name: what recipes call it; the function's name unless given.

    Raises:
        DataError: another module has registered a schedule of that name.
    """
    return SCHEDULES.register(function, name=name)


@register_schedule
def constant(step: tf.Tensor, steps: float) -> tf.Tensor:
    """Returns 1."""
    return tf.ones_like(step)


@register_schedule
def poly(step: tf.Tensor, steps: float, power: Exponent = 0.9) -> tf.Tensor:
    """Returns ``(1 - step / steps) ** power`` (Chen et al., "DeepLab", TPAMI 2018, section 4.1)."""
    return tf.maximum(1.0 - step / steps, 0.0) ** power


@register_schedule
def cosine(step: tf.Tensor, steps: float, final: Fraction = 0.0) -> tf.Tensor:
    """Returns half a cosine wave from 1 to ``final`` (Loshchilov and Hutter, ICLR 2017, eq. 5)."""
    wave = 0.5 * (1.0 + tf.cos(math.pi * tf.minimum(step / steps, 1.0)))
    return final + (1.0 - final) * wave


class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up, and a schedule.

    The warm-up multiplies the rate by ``(step + 1) / warmup_steps`` at first.

    Args:
        rate: the rate that the factors of schedule and warm-up multiply.
        steps: steps of the run.
        schedule: a name in `SCHEDULES`, or a part with arguments.
        warmup_steps: steps of warm-up, 0 for none.

    Raises:
        DataError: the schedule is unknown or does not take its arguments.
    """

    def __init__(
        self, rate: float, steps: int, schedule: str | Part = "constant", warmup_steps: int = 0
    ) -> None:
        super().__init__()
        self._factor = SCHEDULES.bind(Part.parse(schedule, SCHEDULES.kind), "step", "steps")
        self.rate, self.steps, self.warmup_steps = rate, steps, warmup_steps
        self(0)  # raises where an argument is out of range

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the rate of ``step``, counted from 0, as a float32 scalar."""
        step = tf.cast(step, tf.float32)
        rate = tf.constant(self.rate, tf.float32) * self._factor(step, float(self.steps))
        if self.warmup_steps:
            rate *= tf.minimum((step + 1.0) / float(self.warmup_steps), 1.0)
        return rate
