"""Readers of TIFF, GIF, BMP and JPEG files for datasets that are published in these formats.

Images are JPEG or PNG and masks PNG, unless a dataset names one of these as `Sample.read_image` or
`Sample.read_mask`. Each runs one decoder of Pillow, and only on files that hold a single picture.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import BmpImagePlugin, GifImagePlugin, ImageFile, JpegImagePlugin, TiffImagePlugin

from tf_image_segmentation.datasets.decode.decoding import (
    MAX_PIXELS,
    check_pixels,
    content_type,
    read_bytes,
)
from tf_image_segmentation.errors import DataError

_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "TIFF": TiffImagePlugin.TiffImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
}
# What each of Pillow's modes becomes; others, such as 32-bit integers and floats, are refused.
_MODES = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGB", "RGBX": "RGB"}
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")


def read_tiff(path: Path, *, max_pixels: int = MAX_PIXELS, page: int | None = None) -> np.ndarray:
    """Reads a TIFF image or mask.

    Args:
        path: the file.
        max_pixels: largest height * width that is decoded.
        page: which of several pages, from 0; None refuses files of more than one.

    Returns:
        uint8 [height, width] or [height, width, 3] RGB, or uint16 [height, width]; a palette gives
        its colors, 1 bit gives 0 and 255, alpha is dropped.

    Raises:
        DataError: it is no TIFF, damaged, too large, of several pages, or of 32 or more bits.
    """
    return _read(path, "TIFF", max_pixels, page)


def read_gif(path: Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads a GIF of a single frame as uint8 [height, width, 3] or [height, width].

    Gray where all of its colors are.

    Raises:
        DataError: it is no GIF, damaged, animated or too large.
    """
    return _gray_if_equal(_read(path, "GIF", max_pixels))


def read_bmp(path: Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads a BMP as uint8 [height, width, 3], or [height, width] where all its colors are gray.

    Raises:
        DataError: it is no BMP, damaged or too large.
    """
    return _gray_if_equal(_read(path, "BMP", max_pixels))


def read_jpeg_mask(path: Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads a JPEG as gray levels, uint8 [height, width].

    Compression changes values, so that this is for masks of two classes with the mask encoding
    "threshold_128" only.

    Raises:
        DataError: it is no JPEG, damaged or too large.
    """
    values = _read(path, "JPEG", max_pixels)
    return values if values.ndim == 2 else np.rint(values.mean(axis=2)).astype(np.uint8)


def _read(path: Path, kind: str, max_pixels: int, page: int | None = None) -> np.ndarray:
    path = Path(path)
    data = read_bytes(path)
    found = content_type(data)
    if found != kind:
        raise DataError(f"{path}: the content is {found}, but this dataset has {kind} files here")
    try:
        image = _PLUGINS[kind](io.BytesIO(data))
        _choose_page(path, image, page)
        check_pixels(f"{path}:", image.height, image.width, max_pixels)
        image.load()
        return _values(path, image)
    except DataError:
        raise
    # Which exceptions a damaged file ends in is not documented.
    except Exception as error:
        raise DataError(
            f"{path}: is a truncated or damaged {kind} file ({error}); copy or download it again"
        ) from error


def _choose_page(path: Path, image: ImageFile.ImageFile, page: int | None) -> None:
    pages = getattr(image, "n_frames", 1) if image.format != "MPO" else 1
    if page is None and pages > 1:
        raise DataError(
            f"{path}: holds {pages} pictures, and which of them is meant is not known; save each "
            "as a file of its own"
        )
    if page is not None and not page < pages:
        raise DataError(f"{path}: has {pages} pages, and page {page} (from 0) is wanted")
    if page:
        image.seek(page)


def _values(path: Path, image: ImageFile.ImageFile) -> np.ndarray:
    if image.mode in _SIXTEEN_BITS:
        return np.asarray(image).astype(np.uint16)
    if image.mode not in _MODES:
        raise DataError(
            f"{path}: stores pixels of Pillow's mode {image.mode!r}; convert it to 8-bit gray or "
            "RGB, or to 16-bit gray"
        )
    return np.array(image.convert(_MODES[image.mode]))


def _gray_if_equal(values: np.ndarray) -> np.ndarray:
    gray = values.ndim == 3 and (values == values[:, :, :1]).all()
    return values[:, :, 0] if gray else values
