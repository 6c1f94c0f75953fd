"""Readers of TIFF, GIF, BMP, WebP and JPEG files.

Images are JPEG or PNG and masks PNG, unless a dataset names one of these as `Sample.read_image` or
`Sample.read_mask`. Each runs one decoder of Pillow, or tifffile where Pillow would lose something.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from tf_image_segmentation.datasets.decode import tiff_axes
from tf_image_segmentation.datasets.decode.decoding import (
    MAX_PIXELS,
    check_pixels,
    content_type,
    read_bytes,
    several_pictures,
)
from tf_image_segmentation.errors import DataError

_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "TIFF": TiffImagePlugin.TiffImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
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
        uint8 or uint16, [height, width] or [height, width, 3] RGB; a palette gives its colors, 1
        bit gives 0 and 255, alpha is dropped. Of OME-TIFF and ImageJ three channels are the colors
        of one picture.

    Raises:
        DataError: it is no TIFF, damaged, too large, of several pages, of 32 or more bits, or has
            neither one channel nor three.
    """
    return _read(path, "TIFF", max_pixels, page)


def read_gif(path: Path, *, max_pixels: int = MAX_PIXELS, page: int | None = None) -> np.ndarray:
    """Reads a frame of a GIF as uint8 [height, width, 3] or [height, width].

    Gray where all of its colors are. See `read_tiff` for ``page``.

    Raises:
        DataError: it is no GIF, damaged, of several frames or too large.
    """
    return _gray_if_equal(_read(path, "GIF", max_pixels, page))


def read_bmp(path: Path, *, max_pixels: int = MAX_PIXELS, page: int | None = None) -> np.ndarray:
    """Reads a BMP as uint8 [height, width, 3], or [height, width] where all its colors are gray.

    Raises:
        DataError: it is no BMP, damaged or too large.
    """
    return _gray_if_equal(_read(path, "BMP", max_pixels, page))


def read_webp(path: Path, *, max_pixels: int = MAX_PIXELS, page: int | None = None) -> np.ndarray:
    """Reads a frame of a WebP as `read_gif` does; alpha is dropped.

    Raises:
        DataError: it is no WebP, damaged, of several frames or too large.
    """
    return _gray_if_equal(_read(path, "WebP", max_pixels, page))


def read_jpeg_mask(path: Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads a JPEG as gray levels, uint8 [height, width].

    Compression changes values, so that this is for masks of two classes with the mask encoding
    "threshold_128" only.

    Raises:
        DataError: it is no JPEG, damaged or too large.
    """
    values = _read(path, "JPEG", max_pixels)
    return values if values.ndim == 2 else np.rint(values.mean(axis=2)).astype(np.uint8)


def count_pictures(path: Path, kind: str) -> int:
    """Returns how many pictures a file of a kind, such as "TIFF", holds.

    Raises:
        DataError: it is of another kind, or damaged.
    """
    with _opened(path, kind) as image:
        if tiff_axes.needs_tifffile(image):
            return tiff_axes.count_pictures(path)
        return getattr(image, "n_frames", 1)


def _read(path: Path, kind: str, max_pixels: int, page: int | None = None) -> np.ndarray:
    path = Path(path)
    with _opened(path, kind) as image:
        if tiff_axes.needs_tifffile(image):
            return tiff_axes.read_picture(path, max_pixels, page)
        _choose_page(path, image, page)
        check_pixels(f"{path}:", image.height, image.width, max_pixels)
        image.load()
        return _values(path, image)


@contextlib.contextmanager
def _opened(path: Path, kind: str) -> Iterator[ImageFile.ImageFile]:
    """Opens a file of a kind; what else goes wrong in the block is its damage."""
    found = content_type(read_bytes(path, 512))
    if found != kind:
        raise DataError(f"{path}: the content is {found}, but this dataset has {kind} files here")
    try:
        # The file itself and not its bytes: stacks may be larger than memory.
        with path.open("rb") as file, _PLUGINS[kind](file) as image:
            yield image
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
        raise several_pictures(path, pages)
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
