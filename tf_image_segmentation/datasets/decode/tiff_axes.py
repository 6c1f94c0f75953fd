"""TIFF files that Pillow does not read right: those that name their axes, and 16-bit colors.

OME-TIFF and ImageJ store one plane a page and say in a text which axes the pages run along. The
axis of channels makes the colors of a picture, all others make pictures. tifffile reads the text.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, TiffImagePlugin

from tf_image_segmentation.datasets.decode.decoding import check_pixels, several_pictures
from tf_image_segmentation.errors import DataError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

_DESCRIPTION, _BITS = 270, 258  # tags of TIFF 6.0, section 8
_MOST_VALUES = 2**31  # of a file whose planes are not pages, which is read whole


def needs_tifffile(image: Image.Image) -> bool:
    """Says whether an open TIFF is one for this module."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    tags: Any = image.tag_v2
    deep_colors = image.mode.startswith("RGB") and 16 in tags.get(_BITS, ())
    return deep_colors or _names_axes(str(tags.get(_DESCRIPTION, "")))


def _names_axes(description: str) -> bool:
    return "<OME" in description or ("ImageJ=" in description and "images=" in description)


def count_pictures(path: Path) -> int:
    """Returns the number of pictures, all channels of one counted once."""
    with _opened(path) as file:
        return len(_planes_of_pictures(file.series[0]))


def read_picture(path: Path, max_pixels: int, page: int | None) -> np.ndarray:
    """Reads a picture as uint8 or uint16, [height, width] or [height, width, 3].

    Args:
        path: the file.
        max_pixels: largest height * width that is decoded.
        page: which picture, from 0, the last axis running fastest; None for the only one.

    Raises:
        DataError: there is no such picture, it is too large, or has neither one channel nor three.
    """
    with _opened(path) as file:
        series = file.series[0]
        numbers = _planes_of_pictures(series)
        if page is None and len(numbers) > 1:
            raise several_pictures(path, len(numbers))
        if not 0 <= (page or 0) < len(numbers):
            raise DataError(f"{path}: has {len(numbers)} pages, and page {page} (from 0) is wanted")
        sizes = dict(zip(series.axes, series.shape, strict=True))
        check_pixels(f"{path}:", sizes["Y"], sizes["X"], max_pixels)
        planes = [_plane(path, series, number) for number in numbers[page or 0].tolist()]
        values = _without_alpha(planes[0]) if len(planes) == 1 else np.stack(planes, axis=-1)
        return _checked(path, values)


def _opened(path: Path) -> TiffFile:
    import tifffile

    # Not the further files that a text names: they may lie anywhere.
    return tifffile.TiffFile(path, _multifile=False)


def _planes_of_pictures(series: TiffPageSeries) -> np.ndarray:
    """Returns the numbers of the planes of each picture, [pictures, channels]."""
    leading = [axis for axis in series.axes if axis not in "YXS"]
    shape = [size for axis, size in zip(series.axes, series.shape, strict=True) if axis in leading]
    numbers = np.arange(math.prod(shape)).reshape(shape)
    if "C" not in leading:
        return numbers.reshape(-1, 1)
    channels = leading.index("C")
    return np.moveaxis(numbers, channels, -1).reshape(-1, shape[channels])


def _plane(path: Path, series: TiffPageSeries, number: int) -> np.ndarray:
    planes = _planes_of_pictures(series).size
    if len(series.pages) != planes:  # one page stands for many, as ImageJ writes large stacks
        if math.prod(series.shape) > _MOST_VALUES:
            raise DataError(f"{path}: is too large to be read at once; save it page by page")
        # Mapped where that can be done, so that only this plane is read.
        whole = series.asarray(out="memmap" if series.dataoffset is not None else None)
        dimensions = sum(axis in "YXS" for axis in series.axes)
        return whole.reshape(planes, *whole.shape[whole.ndim - dimensions :])[number]
    stored = series.pages[number]
    if stored is None:
        raise DataError(f"{path}: plane {number} lies in another file; save all planes in one file")
    try:
        return stored.asarray()
    except ValueError as error:  # a compression that tifffile alone cannot undo
        if "imagecodecs" not in str(error):
            raise
        return _by_pillow(path, stored.index, error)


def _by_pillow(path: Path, index: int, error: Exception) -> np.ndarray:
    with Image.open(path, formats=["TIFF"]) as image:
        image.seek(index)
        if image.mode not in ("L", "I;16", "I;16B"):
            raise DataError(
                f"{path}: is stored in a way that needs imagecodecs (pip install imagecodecs), or "
                f"save it without compression ({error})"
            ) from error
        values = np.asarray(image)
        return values if values.dtype == np.uint8 else values.astype(np.uint16)


def _without_alpha(values: np.ndarray) -> np.ndarray:
    return values[..., :3] if values.ndim == 3 and values.shape[2] == 4 else values


def _checked(path: Path, values: np.ndarray) -> np.ndarray:
    if values.ndim == 3 and values.shape[2] != 3:
        raise DataError(
            f"{path}: has {values.shape[2]} channels; images have one or three: save those that "
            "are wanted as gray or RGB"
        )
    if values.dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"{path}: stores pixels of {values.dtype}; convert it to 8-bit gray or RGB, or to 16 "
            "bits"
        )
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))
