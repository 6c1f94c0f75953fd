"""How often something is done: every so many steps, or every so many minutes."""

from __future__ import annotations

import re
import time
from typing import NamedTuple

from tf_image_segmentation.errors import DataError


class Interval(NamedTuple):
    """A number of steps, or of minutes; the other one is 0."""

    steps: int = 0
    minutes: float = 0.0

    @classmethod
    def parse(cls, value: int | str, field: str) -> Interval:
        """Returns the interval that ``500``, ``"500"`` or ``"10m"`` means.

        Raises:
            DataError: ``value`` is none of these, or not above 0.
        """
        text = str(value)
        if re.fullmatch(r"\d+", text) and int(text) >= 1:
            return cls(steps=int(text))
        if re.fullmatch(r"\d+(\.\d+)?m", text) and float(text[:-1]) > 0:
            return cls(minutes=float(text[:-1]))
        raise DataError(
            f'{field} must be at least 1 step, such as 500, or minutes, such as "10m", '
            f"got {value!r}"
        )

    def is_due(self, step: int, seconds: float) -> bool:
        """Returns whether it is time at ``step``, ``seconds`` after it was done last."""
        return step % self.steps == 0 if self.steps else seconds >= 60 * self.minutes


class Timer:
    """Tells when an interval is over.

    Args:
        interval: see `Interval.parse`.
    """

    def __init__(self, interval: int | str) -> None:
        self._interval = Interval.parse(interval, "interval")
        self.restart()

    def restart(self) -> None:
        """Counts minutes from now on."""
        self._started = time.monotonic()

    def is_due(self, step: int) -> bool:
        """Returns whether the interval is over at ``step``."""
        return self._interval.is_due(step, time.monotonic() - self._started)
