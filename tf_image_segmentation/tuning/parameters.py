"""The parameter sets that a search tries, drawn at random.

The ranges hold the values that suit PASCAL VOC, and smaller ones for smaller images and thinner
objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters

Ranges = Mapping[str, tuple[float, float]]

RANGES: Ranges = {
    "gaussian_sxy": (1.0, 5.0),
    "gaussian_compat": (0.3, 10.0),
    "bilateral_sxy": (5.0, 100.0),
    "bilateral_srgb": (2.0, 20.0),
    "bilateral_compat": (0.5, 15.0),
    "iterations": (5.0, 5.0),
}

Trial = CrfParameters | None
"""A parameter set; None stands for the network alone."""

WITHOUT_CRF, DEFAULTS = 0, 1
"""Numbers of the two trials that others are compared with."""


def parse_ranges(settings: Iterable[str]) -> Ranges:
    """Returns `RANGES` with those of ``settings``, each as ``bilateral_sxy=10:80``.

    Raises:
        DataError: a parameter is unknown, or what follows is no range of values that it can have.
    """
    ranges = dict(RANGES)
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in RANGES:
            raise DataError(f"--range {setting}: no such parameter; choose from {list(RANGES)}")
        try:
            low, high = map(float, text.split(":"))
            for value in (low, high):
                CrfParameters(**{name: value})  # type: ignore[arg-type]
            if not 0 < low <= high:
                raise DataError("they must be above 0, the lower number first")
        except ValueError as error:
            raise DataError(
                f"--range {setting}: must be two numbers such as bilateral_sxy=10:80 ({error})"
            ) from error
        ranges[name] = low, high
    return ranges


def draw_trials(ranges: Ranges, count: int, seed: int) -> list[Trial]:
    """Returns no CRF, the defaults, and then ``count`` parameter sets drawn from ``ranges``.

    Args:
        ranges: lowest and highest value of each parameter, above 0. Their logarithm is drawn
            uniformly, so that 5 to 10 is as likely as 10 to 20.
        count: how many are drawn; the first ones do not depend on it.
        seed: of the draws.
    """
    low, high = np.log([ranges[name] for name in RANGES]).T
    sets = [CrfParameters()]
    for row in np.exp(np.random.default_rng(seed).uniform(low, high, (count, len(RANGES)))):
        # Three digits, so that what is tried is what is shown.
        values: dict[str, Any] = {n: float(f"{v:.3g}") for n, v in zip(RANGES, row, strict=True)}
        sets.append(CrfParameters(**values | {"iterations": round(values["iterations"])}))
    # A dictionary drops what comes twice and keeps the order.
    return [None, *dict.fromkeys(sets)]


def crf_options(parameters: CrfParameters) -> list[str]:
    """Returns the option --crf of evaluate.py and predict.py that sets every parameter."""
    values = (f"{n}={str(getattr(parameters, n)).removesuffix('.0')}" for n in RANGES)
    return ["--crf", *values]


def shown(ranges: Ranges) -> str:
    """Returns ranges as --range takes them."""
    return " ".join(f"{name}={low:g}:{high:g}" for name, (low, high) in ranges.items())
