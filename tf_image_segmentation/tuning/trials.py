"""The parameter sets that a search tries: drawn at random, or all of a grid.

What is searched by default holds the values that suit PASCAL VOC, and smaller ones for smaller
images and thinner objects.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters

RANGES: Mapping[str, tuple[float, ...]] = {
    "gaussian_sxy": (1.0, 5.0),
    "gaussian_compat": (0.3, 10.0),
    "bilateral_sxy": (5.0, 100.0),
    "bilateral_srgb": (2.0, 20.0),
    "bilateral_compat": (0.5, 15.0),
    "iterations": (5.0, 5.0),
}
VALUES: Mapping[str, tuple[float, ...]] = {
    "gaussian_sxy": (1.0, 3.0),
    "gaussian_compat": (1.0, 3.0),
    "bilateral_sxy": (20.0, 40.0, 80.0),
    "bilateral_srgb": (4.0, 8.0, 13.0),
    "bilateral_compat": (3.0, 10.0),
    "iterations": (5.0,),
}
NAMES = tuple(field.name for field in fields(CrfParameters))
METRICS = ("mean_iou", "pixel_accuracy", "mean_pixel_accuracy", "frequency_weighted_iou")
"""What the best trial can be the best in."""

WITHOUT_CRF, DEFAULTS = 0, 1  # numbers of the two trials that others are compared with

# None stands for the network alone.
Trial = CrfParameters | None


def shown(numbers: Mapping[str, tuple[float, ...]], separator: str) -> str:
    """Returns ranges or values as they are written on a command line."""
    return " ".join(
        f"{name}={separator.join(map(_plain, chosen))}" for name, chosen in numbers.items()
    )


def parse_ranges(settings: Iterable[str]) -> dict[str, tuple[float, ...]]:
    """Returns `RANGES` with those of ``settings``, each as ``bilateral_sxy=10:80``.

    Raises:
        DataError: a parameter is unknown, or what follows is no range of numbers above 0.
    """
    ranges = dict(RANGES)
    for setting in settings:
        name, numbers = _parse(f"--range {setting}", setting, ":", "bilateral_sxy=10:80")
        if len(numbers) != 2 or not 0 < numbers[0] <= numbers[1]:
            raise DataError(
                f"--range {setting}: must be two numbers above 0, the lower one first; write "
                "bilateral_sxy=10:80"
            )
        ranges[name] = numbers
    return ranges


def parse_values(settings: Iterable[str]) -> dict[str, tuple[float, ...]]:
    """Returns `VALUES` with those of ``settings``, each as ``bilateral_sxy=20,40,80``.

    Raises:
        DataError: a parameter is unknown, or what follows are no numbers that it can have.
    """
    values = dict(VALUES)
    for setting in settings:
        name, numbers = _parse(f"--values {setting}", setting, ",", "bilateral_sxy=20,40,80")
        values[name] = numbers
    return values


def _parse(
    option: str, setting: str, separator: str, example: str
) -> tuple[str, tuple[float, ...]]:
    name, _, text = setting.partition("=")
    if name not in NAMES:
        raise DataError(f"{option}: no such parameter; there are {list(NAMES)}")
    try:
        numbers = tuple(float(number) for number in text.split(separator))
    except ValueError as error:
        raise DataError(f"{option}: {text!r} are not numbers; write {example}") from error
    for number in numbers:
        try:
            if name == "iterations" and number != round(number):
                raise ValueError("iterations must be whole numbers")
            _parameters({name: number})
        except (ValueError, OverflowError) as error:
            raise DataError(f"{option}: {error}") from error
    return name, numbers


def _parameters(numbers: Mapping[str, float]) -> CrfParameters:
    values: dict[str, Any] = dict(numbers)
    if "iterations" in values:
        values["iterations"] = round(values["iterations"])
    return CrfParameters(**values)


def random_trials(ranges: Mapping[str, tuple[float, ...]], count: int, seed: int) -> list[Trial]:
    """Returns no CRF, the defaults, and then parameter sets drawn from ``ranges``.

    Args:
        ranges: lowest and highest of each parameter, above 0. The logarithm is drawn uniformly, so
            that 5 to 10 is as likely as 10 to 20.
        count: how many are drawn; the first ones do not depend on it.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    low, high = np.log([ranges[name] for name in NAMES]).T
    drawn = np.exp(rng.uniform(low, high, (count, len(NAMES))))
    # Three digits, so that what is tried is what is shown.
    rows = [[float(f"{number:.3g}") for number in row] for row in drawn]
    return _with_the_two(_parameters(dict(zip(NAMES, row, strict=True))) for row in rows)


def grid_trials(values: Mapping[str, tuple[float, ...]]) -> list[Trial]:
    """Returns no CRF, the defaults, and then all combinations of ``values``."""
    combinations = itertools.product(*(values[name] for name in NAMES))
    return _with_the_two(_parameters(dict(zip(NAMES, c, strict=True))) for c in combinations)


def _with_the_two(others: Iterable[CrfParameters]) -> list[Trial]:
    # A dictionary drops what comes twice and keeps the order.
    return [None, *dict.fromkeys([CrfParameters(), *others])]


def options(parameters: CrfParameters) -> Sequence[str]:
    """Returns what --crf of the scripts takes: ``name=value`` of every parameter."""
    return [f"{name}={_plain(getattr(parameters, name))}" for name in NAMES]


def _plain(number: float) -> str:
    return str(number).removesuffix(".0")
