"""How an image is looked at: fitted to the network, at which sizes, whole or in windows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tf_image_segmentation.models.fcn import STRIDE_OF_FC8

FITS = ("pad", "resize")
WINDOW, OVERLAP = 1024, 256


@dataclass(frozen=True)
class Views:
    """How an image is looked at.

    Attributes:
        fit: how it is brought to multiples of 32. "pad" pads with the mean color and crops the
            result; no pixel is resampled. "resize" resizes bilinearly to the nearest multiple (at
            least 32), takes the argmax there and resizes the labels back by nearest neighbor, as
            the classic system did.
        scales: sizes whose probabilities are averaged; the image is resized bilinearly, and so are
            the probabilities on their way back. Other than one scale of 1 only with "pad".
        flip: whether each size is looked at mirrored, too; only with "pad".
        window: an image of more than ``2 * window ** 2`` pixels is looked at in windows of this
            side, a multiple of 32, whose logits (with several views, probabilities) are averaged,
            see `sliding_windows`. With "resize", images are looked at whole.
        overlap: pixels that neighboring windows share.

    Raises:
        ValueError: ``fit`` is unknown or cannot be had with the others, there is no scale or one
            that is not above 0, or window and overlap do not fit together.
    """

    fit: str = "pad"
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    window: int = WINDOW
    overlap: int = OVERLAP

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise ValueError(f"unknown fit {self.fit!r}; choose from {FITS}")
        if not self.scales or not all(0 < scale < math.inf for scale in self.scales):
            raise ValueError(f"scales must be numbers above 0, got {list(self.scales)}")
        if self.fit != "pad" and self.several:
            raise ValueError('scales and flip work on padded images only: fit="pad"')
        if self.window < STRIDE_OF_FC8 or self.window % STRIDE_OF_FC8:
            raise ValueError(f"window must be a multiple of {STRIDE_OF_FC8}, got {self.window}")
        if not 0 <= self.overlap < self.window:
            raise ValueError(
                f"overlap must be at least 0 and less than the window, got {self.overlap}"
            )

    @property
    def several(self) -> bool:
        """Whether there is more than the image as it is."""
        return self.scales != (1.0,) or self.flip

    def whole(self, image: np.ndarray) -> bool:
        """Whether ``image`` is looked at whole."""
        return self.fit != "pad" or image.shape[0] * image.shape[1] <= 2 * self.window**2
