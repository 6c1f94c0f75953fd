"""Small encoded pictures of images and masks, for pages that hold all of their content."""

from __future__ import annotations

import base64
import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from tf_image_segmentation.datasets.dataset import DatasetInfo
from tf_image_segmentation.visualization import IGNORE_COLOUR, colorize

LONGEST_SIDE = 480
HATCH_COLOUR = (112, 112, 112)
"""Of the stripes on ignored pixels: one colour alone might be that of a class."""

_JPEG_QUALITY = 85
_HATCH_PERIOD = 8


class Picture(NamedTuple):
    """An encoded picture.

    Attributes:
        media_type: such as "image/png".
        data: the content of a file of that type.
        width: in pixels.
        height: likewise.
    """

    media_type: str
    data: bytes
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode('ascii')}"


def photo(image: np.ndarray) -> Picture:
    """Returns an image (RGB, uint8 [h, w, 3]) as a JPEG of at most `LONGEST_SIDE` pixels a side."""
    return _encode(_shrunk(image, Image.Resampling.LANCZOS), "JPEG", quality=_JPEG_QUALITY)


def painted(labels: np.ndarray, info: DatasetInfo, ignored: int | None = None) -> Picture:
    """Returns labels in the data set's colours as a PNG of at most `LONGEST_SIDE` pixels a side.

    Args:
        labels: class ids, uint8 [h, w].
        info: has the colours.
        ignored: label of pixels that are hatched; None for a prediction, which ignores none.
    """
    shrunk = np.asarray(_shrunk(labels, Image.Resampling.NEAREST))
    picture = colorize(shrunk, info.palette)
    if ignored is not None:
        rows, columns = np.indices(shrunk.shape)
        stripes = (rows + columns) % _HATCH_PERIOD < _HATCH_PERIOD // 2
        picture[shrunk == ignored] = IGNORE_COLOUR
        picture[(shrunk == ignored) & stripes] = HATCH_COLOUR
    return _encode(Image.fromarray(picture), "PNG")


def _shrunk(array: np.ndarray, resampling: Image.Resampling) -> Image.Image:
    image = Image.fromarray(array)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), resampling, reducing_gap=None)
    return image


def _encode(image: Image.Image, file_format: str, **options: int) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return Picture(f"image/{file_format.lower()}", buffer.getvalue(), image.width, image.height)
