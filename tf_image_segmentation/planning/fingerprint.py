"""What a plan is made from: numbers of the records, of the machine and of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class DataFingerprint:
    """What is known of the records that a model is trained on.

    Attributes:
        dataset: its name.
        class_names: of the classes.
        train_images: number of training images.
        val_images: number of validation images.
        heights: smallest, median and largest height in pixels.
        widths: the same of the widths.
        is_gray: whether the three channels of all images are equal.
        deviation: standard deviation of the gray values of an image, 0..255, median of the images.
        class_pixels: share of each class in the labeled pixels, 0..1.
        class_images: share of the images that show each class, 0..1.
        thickness: of the regions of each class in pixels, ``2 * area / border``; 0 for a class
            that is nowhere.
        object_sizes: of each class, square root of the area of the connected region that half of
            its pixels lie in smaller ones than, in pixels; 0 for a class that is nowhere.
    """

    dataset: str
    class_names: tuple[str, ...]
    train_images: int
    val_images: int
    heights: tuple[int, int, int]
    widths: tuple[int, int, int]
    is_gray: bool
    deviation: float
    class_pixels: tuple[float, ...]
    class_images: tuple[float, ...]
    thickness: tuple[float, ...]
    object_sizes: tuple[float, ...]

    @property
    def image_megapixels(self) -> float:
        """Megapixels of a median image."""
        return self.heights[1] * self.widths[1] / 1e6

    @property
    def present(self) -> list[int]:
        """The ids of the classes that have pixels."""
        return [number for number, share in enumerate(self.class_pixels) if share > 0]

    @property
    def imbalance(self) -> float:
        """How many times fewer pixels the rarest class has than the median one."""
        shares = [self.class_pixels[number] for number in self.present]
        return float(np.median(shares) / min(shares)) if shares else 1.0

    @property
    def rarest(self) -> int:
        """The id of the class with the fewest pixels."""
        return min(self.present, key=lambda number: self.class_pixels[number], default=0)

    @property
    def thinnest(self) -> int:
        """The id of the class with the thinnest regions."""
        return min(self.present, key=lambda number: self.thickness[number], default=0)


@dataclass(frozen=True)
class MachineFingerprint:
    """What training costs on a machine, measured with the model that is planned for.

    Attributes:
        device: what it is called.
        is_gpu: whether it is a GPU.
        memory: bytes that are free for training.
        has_bfloat16: whether it computes in bfloat16 faster than in float32.
        seconds_per_megapixel: of a training step, by megapixels of its crops.
        bytes_per_megapixel: the same of its memory.
        first_seconds: how long the first step takes longer than the others.
    """

    device: str
    is_gpu: bool
    memory: int
    has_bfloat16: bool
    seconds_per_megapixel: float
    bytes_per_megapixel: float
    first_seconds: float = 20.0


@dataclass(frozen=True)
class ModelFacts:
    """What is known of the model that is trained.

    Attributes:
        name: in the registry of models.
        size_divisor: sides of crops are multiples of this; 1 takes any size.
        init: checkpoint that it starts from, "" for random weights.
        options: of the checkpoint, which the model must have, too.
        new_layers: layers that the checkpoint has for other classes.
    """

    name: str
    size_divisor: int = 1
    init: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    new_layers: tuple[str, ...] = ()
