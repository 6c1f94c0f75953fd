"""What every contestant of input_pipeline.py has to do, and where it finds the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MEAN = (123.68, 116.78, 103.94)  # color of padding
VOID = 255  # label of padding


@dataclass(frozen=True)
class Task:
    """Batches of mirrored, scaled and cropped images and masks, in random order, without end.

    Attributes:
        data: holds what `input_pipeline.prepare` has made: ``records``, ``classic``, ``files``.
        batch_size: examples in a batch.
        crop: sides of the result.
        scale_range: bounds of the random scale.
        colors: whether brightness, saturation, hue and contrast are changed, too.
        cores: threads or processes to work with.
    """

    data: Path
    batch_size: int = 4
    crop: int = 384
    scale_range: tuple[float, float] = (0.5, 2.0)
    colors: bool = False
    cores: int = 1
