"""Mean and standard deviation of values, such as those of one class over cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Values of one class over cases.

    Attributes:
        mean: of the cases that have a value; NaN where none has.
        deviation: their standard deviation, with n - 1; NaN for fewer than two.
        cases: how many have a value.
    """

    mean: float
    deviation: float
    cases: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Returns the spread of values, NaN among them for cases that have none."""
        known = np.array([value for value in values if np.isfinite(value)])
        mean = float(known.mean()) if len(known) else float("nan")
        deviation = float(known.std(ddof=1)) if len(known) > 1 else float("nan")
        return cls(mean, deviation, len(known))

    def to_json(self) -> dict[str, Any]:
        """Returns JSON types; NaN becomes null."""
        return {
            "mean": None if np.isnan(self.mean) else self.mean,
            "deviation": None if np.isnan(self.deviation) else self.deviation,
            "cases": self.cases,
        }
