"""How an image becomes labels: padded or resized, at which scales, whole or in windows."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters

FITS = ("pad", "resize")
WINDOW, OVERLAP = 1024, 256
LEAST_SCALE, LARGEST_SCALE = 1 / 16, 16.0


@dataclass(frozen=True)
class PredictionOptions:
    """How an image becomes labels.

    Attributes:
        fit: how an image is brought to multiples of the model's ``size_divisor``. "pad" pads with
            the model's ``pad_value`` and crops the result; no pixel is resampled. "resize" resizes
            bilinearly to the nearest multiple (at least one), takes the argmax there and resizes
            the labels back by nearest neighbor, as the classic system did. "HEIGHTxWIDTH", such as
            "257x257", stretches each image to that size and the logits back, both bilinearly.
        scales: sizes whose probabilities are averaged; the image is resized bilinearly, and so are
            the probabilities on their way back. Other than one scale of 1 only with "pad".
        flip: whether each size is predicted mirrored, too; not with "resize".
        window: an image of more than ``2 * window ** 2`` pixels is predicted in windows of this
            side, a multiple of the model's ``size_divisor``, whose logits (with several views,
            probabilities) are averaged, see `windows`. None is `WINDOW`, rounded up to such a
            multiple. Unless padded, images are predicted whole.
        overlap: pixels that neighboring windows share.
        crf: refines the probabilities, see `crf.refine`, and takes the most probable class whatever
            the network's threshold; not with "resize".
        crf_workers: processes of the dense CRF where many images are predicted.
        probabilities: whether those of all classes are wanted beside the labels; not with "resize".

    Raises:
        DataError: ``fit`` is unknown or does not go with the others, there is no scale or one out
            of bounds, or window and overlap do not fit together.
    """

    fit: str = "pad"
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    window: int | None = None
    overlap: int = OVERLAP
    crf: CrfParameters | None = None
    crf_workers: int = 1
    probabilities: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", tuple(self.scales))
        if self.fit not in FITS and self.size is None:
            raise DataError(
                f"unknown fit {self.fit!r}; choose from {FITS}, or give a size such as 257x257"
            )
        if not self.scales or not all(
            LEAST_SCALE <= scale <= LARGEST_SCALE for scale in self.scales
        ):
            raise DataError(
                f"scales must be numbers from {LEAST_SCALE:g} to {LARGEST_SCALE:g}, "
                f"got {list(self.scales)}"
            )
        if self.fit == "resize" and (self.several or self.crf or self.probabilities):
            raise DataError(
                'fit="resize" gives labels alone: leave out scales, flip, crf and probabilities, '
                'or use fit="pad"'
            )
        if self.size is not None and self.scales != (1.0,):
            raise DataError('scales work on padded images only: fit="pad"')
        window = WINDOW if self.window is None else self.window
        if window < 1:
            raise DataError(f"window must be at least 1, got {window}")
        if not 0 <= self.overlap < window:
            raise DataError(
                f"overlap must be at least 0 and less than the window ({window}), "
                f"got {self.overlap}"
            )
        if self.crf_workers < 1:
            raise DataError(f"crf_workers must be at least 1, got {self.crf_workers}")

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width that every image is stretched to, None if it is not."""
        sides = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", self.fit)
        return None if sides is None else (int(sides[1]), int(sides[2]))

    @property
    def several(self) -> bool:
        """Whether there is more than the image as it is."""
        return self.scales != (1.0,) or self.flip

    def for_model(self, size_divisor: int) -> PredictionOptions:
        """Returns these options with the side of the windows for a model.

        Args:
            size_divisor: of the model.

        Raises:
            DataError: a given side is no multiple of it.
        """
        if self.size is not None and any(side % size_divisor for side in self.size):
            sides = "x".join(str(next_multiple(side, size_divisor)) for side in self.size)
            raise DataError(
                f"fit must have multiples of {size_divisor} for this model, got {self.fit}; "
                f"try {sides}"
            )
        if self.window is None:
            return replace(self, window=next_multiple(WINDOW, size_divisor))
        if self.window % size_divisor:
            raise DataError(
                f"window must be a multiple of {size_divisor} for this model, got {self.window}; "
                f"try {next_multiple(self.window, size_divisor)}"
            )
        return self

    def whole(self, image: np.ndarray) -> bool:
        """Whether ``image``, [height, width, 3], is predicted whole."""
        window = WINDOW if self.window is None else self.window
        return self.fit != "pad" or image.shape[0] * image.shape[1] <= 2 * window**2


def next_multiple(side: int, divisor: int) -> int:
    """Returns the least multiple of ``divisor`` that is not below ``side``, at least one."""
    return max(1, -(-side // divisor)) * divisor
