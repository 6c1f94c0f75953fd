"""One image with its mask, both still on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np


class Reader(Protocol):
    """Reads a file into an array; picklable, because samples travel to worker processes.

    A module-level function, or a `functools.partial` of one.
    """

    def __call__(self, path: Path, *, max_pixels: int) -> np.ndarray:
        """Returns the file's pixels; more than ``max_pixels`` of them are a `DataError`."""


@dataclass(frozen=True)
class Sample:
    """One image with its mask, both still on disk.

    Attributes:
        image_id: unique within the dataset; becomes ``image/filename`` in the records.
        image: path of the image file, JPEG or PNG unless ``read_image`` reads it.
        mask: path of the mask file.
        read_image: reads an image of another format into a uint8, uint16, int16 or float32 array,
            [height, width] or [height, width, 3] RGB; None reads a JPEG or PNG.
        read_mask: reads a mask file that is not a PNG into an integer array [height, width], or
            [height, width, 3] RGB; None reads a PNG.
        extra_files: further files that the readers open.
    """

    image_id: str
    image: Path
    mask: Path
    read_image: Reader | None = None
    read_mask: Reader | None = None
    extra_files: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        for name in ("image", "mask"):  # which may be given as texts
            object.__setattr__(self, name, Path(getattr(self, name)))
