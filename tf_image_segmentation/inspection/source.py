"""What an inspection reads from: files before a conversion, or records after it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.inspection.measurement import Fault, Measurement, Position


class Example(NamedTuple):
    """An image (RGB, uint8 [h, w, 3]), its mask (uint8 [h, w]) and its id."""

    image: np.ndarray
    mask: np.ndarray
    image_id: str


class Source(Protocol):
    """Gives the examples of a dataset.

    Attributes:
        info: the dataset, None for records that do not tell.
        listed: number of examples of each split, whether or not they can be read.
    """

    info: DatasetInfo | None
    listed: Mapping[str, int]

    def measure(self, observe: Callable[[Measurement], None]) -> list[Fault]:
        """Reads and checks every example; returns what is wrong, all of it.

        Args:
            observe: gets what was measured of each example that is right, in their order.
        """

    def selection(self, count: int) -> list[Position]:
        """Returns where to look for ``count`` examples that show what there is."""

    def examples(self, wanted: Collection[Position]) -> dict[Position, Example]:
        """Returns examples; those that cannot be read are left out."""
