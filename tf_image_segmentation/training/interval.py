"""How often something is done: every so many steps, or every so many minutes."""

from __future__ import annotations

import re
import time

from tf_image_segmentation.errors import DataError


def parse_interval(value: int | str, field: str) -> tuple[int, float]:
    """Returns the steps and the minutes that ``500``, ``"500"`` or ``"10m"`` means; one is 0.

    Raises:
        DataError: ``value`` is none of these, or not above 0.
    """
    text = str(value)
    if re.fullmatch(r"\d+", text) and int(text) >= 1:
        return int(text), 0.0
    if re.fullmatch(r"\d+(\.\d+)?m", text) and float(text[:-1]) > 0:
        return 0, float(text[:-1])
    raise DataError(
        f'{field} must be at least 1 step, such as 500, or minutes, such as "10m", got {value!r}'
    )


class Timer:
    """Tells when an interval is over.

    Args:
        interval: see `parse_interval`.
    """

    def __init__(self, interval: int | str) -> None:
        self._steps, self._minutes = parse_interval(interval, "interval")
        self.restart()

    def restart(self) -> None:
        """Counts minutes from now on."""
        self._started = time.monotonic()

    def is_due(self, step: int) -> bool:
        """Returns whether the interval is over at ``step``."""
        if self._steps:
            return step % self._steps == 0
        return time.monotonic() - self._started >= 60 * self._minutes
