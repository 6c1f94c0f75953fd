"""Images of more than 8 bits: which range of values to choose, told once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_image_segmentation.errors import DataError

PERCENTILES = (0.0, 0.1, 1.0, 50.0, 99.0, 99.9, 100.0)


class IntensityRangeNeeded(DataError):
    """An image of more than 8 bits, where no range was given; has its percentiles."""

    def __init__(self, message: str, percentiles: tuple[float, ...]) -> None:
        super().__init__(message, percentiles)  # both, so that it can be pickled

    def __str__(self) -> str:
        """Returns the message alone."""
        return str(self.args[0])

    @property
    def percentiles(self) -> tuple[float, ...]:
        """The values at `PERCENTILES`."""
        return tuple(self.args[1])


def range_needed(path: Path, values: np.ndarray) -> IntensityRangeNeeded:
    """Returns the error for an image; ``values`` are its pixels."""
    kind = "float" if values.dtype.kind == "f" else "16-bit"
    found = np.nanpercentile(values, PERCENTILES)
    return IntensityRangeNeeded(
        f"{path}: is a {kind} image; give intensity_range=(low, high) (--intensity-range), the "
        "values that become 0 and 255, or convert it to 8 bits",
        tuple(found.tolist()),
    )


def proposal(errors: Sequence[IntensityRangeNeeded]) -> str:
    """Returns one message for all images that lack a range, with the option to give.

    The range proposed keeps 99.8 % of the values of each image.
    """
    table = np.array([error.percentiles for error in errors])
    middle = len(PERCENTILES) // 2
    merged = np.concatenate(
        [
            table[:, :middle].min(axis=0),
            [np.median(table[:, middle])],
            table[:, middle + 1 :].max(axis=0),
        ]
    )
    shown = ", ".join(
        f"{share:g} % {value:g}" for share, value in zip(PERCENTILES, merged, strict=True)
    )
    low, high = merged[1], merged[-2]
    if merged[0].is_integer() and merged[-1].is_integer():
        low, high = np.floor(low), np.ceil(high)
    if not low < high:
        low, high = merged[0], max(merged[-1], merged[0] + 1)
    others = f" So are {len(errors) - 1} others." if len(errors) > 1 else ""
    return (
        f"{errors[0]}.{others} Percentiles of their values: {shown}; so choose, for all images "
        f"alike, --intensity-range {low:g} {high:g}"
    )
