"""How the learning rate changes over a run."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

SCHEDULES = ("constant", "poly")
_POLY_POWER = 0.9


class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up, then a constant rate or a polynomial decay to zero.

    "poly" is ``rate * (1 - step / steps) ** 0.9`` (Chen et al., "DeepLab", TPAMI 2018, section
    4.1); the warm-up multiplies it by ``(step + 1) / warmup_steps`` at first.

    Args:
        rate: the rate before decay and after warm-up.
        steps: steps of the run; "poly" reaches zero there and stays.
        schedule: "constant" or "poly".
        warmup_steps: steps of warm-up, 0 for none.

    Raises:
        ValueError: ``schedule`` is unknown.
    """

    def __init__(self, rate: float, steps: int, schedule: str, warmup_steps: int = 0) -> None:
        super().__init__()
        if schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {schedule!r}; choose from {SCHEDULES}")
        self.rate, self.steps, self.schedule = rate, steps, schedule
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the rate of ``step``, counted from 0, as a float32 scalar."""
        step = tf.cast(step, tf.float32)
        rate = tf.constant(self.rate, tf.float32)
        if self.schedule == "poly":
            rate *= tf.maximum(1.0 - step / float(self.steps), 0.0) ** _POLY_POWER
        if self.warmup_steps:
            rate *= tf.minimum((step + 1.0) / float(self.warmup_steps), 1.0)
        return rate

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that rebuild this schedule."""
        return {
            "rate": self.rate,
            "steps": self.steps,
            "schedule": self.schedule,
            "warmup_steps": self.warmup_steps,
        }
