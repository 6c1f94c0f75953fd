"""The pixels of an image file, checked and upright; `images` makes of them what is stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from tf_image_segmentation.datasets.decode import decoding
from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.decode.intensities import range_needed
from tf_image_segmentation.datasets.sample import Reader
from tf_image_segmentation.errors import DataError


def upright_rgb(
    path: Path,
    *,
    max_pixels: int,
    intensity_range: tuple[float, float] | None,
    reader: Reader | None,
) -> tuple[Image.Image, bytes | None, int]:
    """Decodes an image file; see `read_image` for arguments, conversions and errors.

    Returns:
        The upright RGB image, the file's bytes if they can be kept, and its EXIF orientation.
    """
    if reader is not None:
        values = _checked(path, reader(path, max_pixels=max_pixels))
        return _rgb(path, values, intensity_range), None, 1
    data = decoding.read_bytes(path)
    stored = _opened(path, data, max_pixels)
    if decoding.content_type(data) == "PNG" and decoding.png_header(data).bit_depth == 16:
        pixels = _rgb(path, _sixteen_bits(path, data, stored), intensity_range)
    else:
        pixels = decoding.load(path, data, stored)
    turned = decoding.orientation(stored)
    if pixels is stored and pixels.mode == "RGB" and turned == 1:
        return pixels, data, turned
    return decoding.upright(pixels.convert("RGB"), turned), None, turned


def image_size(
    path: Path, *, max_pixels: int = MAX_PIXELS, reader: Reader | None = None
) -> tuple[int, int]:
    """Returns height and width of an image in pixels, upright; a JPEG is not decoded.

    Args:
        path: the image file.
        max_pixels: largest height * width.
        reader: see `read_image`.

    Raises:
        DataError: as `read_image`.
    """
    if reader is not None:
        height, width = reader(path, max_pixels=max_pixels).shape[:2]
        return height, width
    stored = _opened(path, decoding.read_bytes(path), max_pixels)
    sideways = decoding.orientation(stored) >= 5
    return (stored.width, stored.height) if sideways else (stored.height, stored.width)


def embedded_pixels(path: Path, data: bytes, max_pixels: int) -> np.ndarray:
    """Returns the pixels of a JPEG or PNG that another file holds.

    Args:
        path: the file, for messages.
        data: the bytes of the image.
        max_pixels: largest height * width.

    Returns:
        RGB, uint8 [height, width, 3], upright; or uint16 [height, width] or [height, width, 3].

    Raises:
        DataError: as `read_image`.
    """
    stored = _opened(path, data, max_pixels)
    if decoding.content_type(data) == "PNG" and decoding.png_header(data).bit_depth == 16:
        return _sixteen_bits(path, data, stored)
    pixels = decoding.load(path, data, stored)
    return np.asarray(decoding.upright(pixels.convert("RGB"), decoding.orientation(stored)))


def _opened(path: Path, data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    kind = decoding.content_type(data)
    if kind not in ("JPEG", "PNG"):
        raise DataError(
            f"{path}: the content is {kind}, but images must be JPEG or PNG; convert it or take "
            "it out of the list"
        )
    return decoding.open_image(path, data, max_pixels)


def _check_range(
    path: Path, values: np.ndarray, intensity_range: tuple[float, float] | None
) -> tuple[float, float]:
    if intensity_range is None:
        raise range_needed(path, values)
    low, high = intensity_range
    if not low < high:
        raise DataError(
            f"{path}: cannot be mapped with intensity_range ({low}, {high}); low must be below high"
        )
    return low, high


def _rgb(
    path: Path, values: np.ndarray, intensity_range: tuple[float, float] | None
) -> Image.Image:
    """Returns values as an RGB image, all but uint8 mapped as `read_image` documents.

    A single channel is repeated: red, green and blue are the gray value.
    """
    if values.dtype != np.uint8:
        low, high = _check_range(path, values, intensity_range)
        scaled = (values.astype(np.float32) - low) * (255 / (high - low))
        values = np.rint(scaled).clip(0, 255).astype(np.uint8)
    return Image.fromarray(values).convert("RGB")


def _checked(path: Path, values: np.ndarray) -> np.ndarray:
    """Refuses what a reader may not return."""
    fits = values.ndim == 2 or (values.ndim == 3 and values.shape[2] == 3)
    kinds = (np.uint8, np.uint16, np.int16, np.float32)
    if values.dtype not in kinds or not fits or not values.size:
        raise DataError(
            f"{path}: holds {values.dtype} values of shape {list(values.shape)}; images must be "
            "8 or 16 bits or float32, [height, width] or [height, width, 3]"
        )
    return np.ascontiguousarray(values)


def _sixteen_bits(path: Path, data: bytes, image: ImageFile.ImageFile) -> np.ndarray:
    """Returns a 16-bit PNG as uint16 [height, width] or [height, width, 3], alpha dropped."""
    color_type = decoding.png_header(data).color_type
    if color_type == decoding.GRAY_ALPHA:
        raise DataError(f"{path}: is 16-bit gray with alpha; remove its alpha channel")
    if color_type == decoding.GRAY:
        return np.asarray(decoding.load(path, data, image)).astype(np.uint16)
    # Of 16-bit colors Pillow keeps the high byte alone. Told that they are little-endian, it
    # takes the low byte for the high one, so two passes give both.
    again = decoding.open_image(path, data, image.width * image.height)
    again.tile = [tile._replace(args=f"{again.mode};16L") for tile in again.tile]
    high = np.asarray(decoding.load(path, data, image))[:, :, :3]
    low = np.asarray(decoding.load(path, data, again))[:, :, :3]
    return (high.astype(np.uint16) << 8) | low
