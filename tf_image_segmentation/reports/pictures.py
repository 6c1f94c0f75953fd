"""Small encoded pictures and colors of images and masks, for pages that hold all of it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.inference.visualization import IGNORE_COLOR, Palette, colorize

LONGEST_SIDE = 480
HATCH_COLOR = (112, 112, 112)
"""Of the stripes on ignored pixels: one color alone might be that of a class."""


def css_color(color: Sequence[int]) -> str:
    """Returns red, green and blue (0..255) as CSS."""
    red, green, blue = color
    return f"rgb({red} {green} {blue})"


HATCHING = (
    f"repeating-linear-gradient(135deg, {css_color(HATCH_COLOR)} 0 2.8px, "
    f"{css_color(IGNORE_COLOR)} 0 5.6px)"
)
"""The background of ignored pixels in a legend, as `painted` hatches them."""

_JPEG_QUALITY = 85
_HATCH_PERIOD = 8


class Picture(NamedTuple):
    """An encoded picture.

    Attributes:
        media_type: such as "image/png".
        data: the content of a file of that type.
        width: in pixels.
        height: in pixels.
    """

    media_type: str
    data: bytes
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode('ascii')}"


def photo(image: np.ndarray, longest_side: int = LONGEST_SIDE) -> Picture:
    """Returns an image (RGB, uint8 [h, w, 3]) as a JPEG whose sides are not longer than that."""
    shrunk = _shrunk(image, Image.Resampling.LANCZOS, longest_side)
    return _encode(shrunk, "JPEG", quality=_JPEG_QUALITY)


def painted(labels: np.ndarray, info: DatasetInfo, ignored: int | None = None) -> Picture:
    """Returns labels in the dataset's colors as a PNG of at most `LONGEST_SIDE` pixels a side.

    Args:
        labels: class ids, uint8 [h, w].
        info: has the colors.
        ignored: label of pixels that are hatched; None for a prediction, which ignores none.
    """
    shrunk = np.asarray(_shrunk(labels, Image.Resampling.NEAREST, LONGEST_SIDE))
    return _encode(Image.fromarray(_colored(shrunk, info.palette, ignored)), "PNG")


def overlaid(
    image: np.ndarray,
    labels: np.ndarray,
    palette: Palette,
    ignored: int | None,
    longest_side: int = LONGEST_SIDE,
) -> Picture:
    """Returns an image with its labels over it, half and half, as a JPEG.

    Args:
        image: RGB, uint8 [h, w, 3].
        labels: class ids, uint8 [h, w].
        palette: color of each class id.
        ignored: label of pixels that are hatched, or None.
        longest_side: of the picture in pixels.
    """
    below = _shrunk(image, Image.Resampling.LANCZOS, longest_side)
    shrunk = np.asarray(_shrunk(labels, Image.Resampling.NEAREST, longest_side))
    above = Image.fromarray(_colored(shrunk, palette, ignored))
    return _encode(Image.blend(below, above, 0.5), "JPEG", quality=_JPEG_QUALITY)


def _colored(labels: np.ndarray, palette: Palette, ignored: int | None) -> np.ndarray:
    picture = colorize(labels, palette)
    if ignored is not None:
        rows, columns = np.indices(labels.shape)
        stripes = (rows + columns) % _HATCH_PERIOD < _HATCH_PERIOD // 2
        picture[labels == ignored] = IGNORE_COLOR
        picture[(labels == ignored) & stripes] = HATCH_COLOR
    return picture


def _shrunk(array: np.ndarray, resampling: Image.Resampling, longest_side: int) -> Image.Image:
    image = Image.fromarray(array)
    image.thumbnail((longest_side, longest_side), resampling, reducing_gap=None)
    return image


def _encode(image: Image.Image, file_format: str, **options: int) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return Picture(f"image/{file_format.lower()}", buffer.getvalue(), image.width, image.height)
