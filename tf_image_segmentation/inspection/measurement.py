"""What is measured of one image and its mask; small, so that worker processes can send it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from tf_image_segmentation.inspection.perceptual_hash import perceptual_hash


class Position(NamedTuple):
    """Where an example is: its split, and its number in the order of that split."""

    split: str
    number: int


@dataclass(frozen=True)
class Measurement:
    """What was measured of one example.

    Attributes:
        position: where it is.
        image_id: its id.
        size: height and width in pixels.
        label_pixels: pixels of each mask value, int64 [256].
        color_pixels: pixels of each value of each channel, RGB, int64 [3, 256].
        hash: the image's perceptual hash, None where it has no structure.
        digest: equal for equal pixels.
    """

    position: Position
    image_id: str
    size: tuple[int, int]
    label_pixels: np.ndarray
    color_pixels: np.ndarray
    hash: np.ndarray | None
    digest: bytes


@dataclass(frozen=True)
class Fault:
    """Something that cannot be read.

    Attributes:
        rule: name of the finding that it is part of, see `findings`.
        split: where it is.
        reason: names the file and what is wrong with it.
    """

    rule: str
    split: str
    reason: str


def measure(position: Position, image_id: str, image: np.ndarray, mask: np.ndarray) -> Measurement:
    """Measures an image (RGB, uint8 [h, w, 3]) and its mask (uint8 [h, w])."""
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(image.tobytes())
    return Measurement(
        position,
        image_id,
        (image.shape[0], image.shape[1]),
        np.bincount(mask.ravel(), minlength=256),
        np.array(Image.fromarray(image).histogram(), np.int64).reshape(3, 256),
        perceptual_hash(image),
        digest.digest(),
    )
