"""Reading images and samples: the one place where what is wrong with them is found."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from tf_image_segmentation.datasets.decode import decoding
from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.decode.intensities import range_needed
from tf_image_segmentation.datasets.decode.masks import read_class_ids
from tf_image_segmentation.datasets.decode.pages import reader_of
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Reader, Sample
from tf_image_segmentation.errors import DataError


@dataclass(frozen=True)
class EncodedImage:
    """An image that passed every check, as the bytes of an upright 8-bit RGB image.

    Attributes:
        encoded: JPEG or PNG bytes, those of the file wherever they can be used as they are.
        format: ``"jpeg"`` or ``"png"``.
        height: height in pixels, after the EXIF orientation is applied.
        width: width in pixels, after the EXIF orientation is applied.
        orientation: the EXIF orientation that the file had, 1 (upright) to 8.
    """

    encoded: bytes
    format: str
    height: int
    width: int
    orientation: int = 1


@dataclass(frozen=True)
class CheckedSample:
    """A sample that passed every check.

    Attributes:
        image_id: the sample's id.
        encoded_image: an 8-bit RGB image as JPEG or PNG bytes, the original ones where possible.
        image_format: ``"jpeg"`` or ``"png"``.
        height: height of image and mask in pixels.
        width: width of image and mask in pixels.
        mask: class ids and the ignore label, uint8 [height, width].
    """

    image_id: str
    encoded_image: bytes
    image_format: str
    height: int
    width: int
    mask: np.ndarray


def read_sample(
    sample: Sample,
    info: DatasetInfo,
    *,
    max_pixels: int = MAX_PIXELS,
    intensity_range: tuple[float, float] | None = None,
) -> CheckedSample:
    """Reads an image and its mask and checks both, alone and against each other.

    Args:
        sample: the files.
        info: the dataset, which says which ids a mask may hold and how they are stored.
        max_pixels: see `read_image`; holds for PNG masks too.
        intensity_range: see `read_image`.

    Raises:
        DataError: for everything that is wrong; the message names the file and the rule.
    """
    image = read_image(
        sample.image,
        max_pixels=max_pixels,
        intensity_range=intensity_range,
        reader=sample.read_image,
    )
    mask = read_class_ids(sample, info, max_pixels=max_pixels)
    _check_same_size(sample, image, mask)
    return CheckedSample(
        sample.image_id, image.encoded, image.format, image.height, image.width, mask
    )


def read_image(
    path: Path,
    *,
    max_pixels: int = MAX_PIXELS,
    intensity_range: tuple[float, float] | None = None,
    reader: Reader | None = None,
) -> EncodedImage:
    """Reads and fully decodes a JPEG or PNG file, known by its content and not by its name.

    The file's own bytes are kept if they are an upright 8-bit RGB image. Gray, palette, CMYK and
    EXIF-rotated images, and those with alpha, become an upright RGB PNG: alpha is dropped, not
    blended, and CMYK is converted without a color profile. Of a multi-picture JPEG (MPO) the
    first picture is used.

    Args:
        path: the image file.
        max_pixels: largest height * width; checked on the header, before any pixel is decoded.
        intensity_range: ``(low, high)``, the values of a 16-bit or float image that become 0 and
            255; between them the scale is linear, beyond them it is clipped. None refuses such
            images. 8-bit images are left as they are.
        reader: reads a file of another format, see `Sample.read_image`.

    Raises:
        DataError: if the file is something else, damaged, animated, too large, or 16-bit without
            an ``intensity_range``.
    """
    path = Path(path)
    if reader is None:
        pixels, original, turned = _decode(path, max_pixels, intensity_range)
    else:
        values = _checked(path, reader(path, max_pixels=max_pixels))
        pixels, original, turned = _rgb(path, values, intensity_range), None, 1
    if original is not None:
        kind = decoding.content_type(original).lower()
        return EncodedImage(original, kind, pixels.height, pixels.width)
    buffer = io.BytesIO()
    # A fresh image: Pillow would copy the old one's EXIF, transparency and profile into the PNG.
    Image.fromarray(np.asarray(pixels)).save(buffer, format="PNG")
    return EncodedImage(buffer.getvalue(), "png", pixels.height, pixels.width, turned)


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


def decode_image(
    path: str | Path,
    *,
    max_pixels: int = MAX_PIXELS,
    intensity_range: tuple[float, float] | None = None,
    page: int | None = None,
) -> np.ndarray:
    """Decodes an image for prediction, with the checks and conversions of `read_image`.

    Args:
        path: an image of any format that `reader_of` knows.
        max_pixels: see `read_image`.
        intensity_range: see `read_image`.
        page: which of several pictures, from 0; None for the only one.

    Returns:
        uint8 [height, width, 3], RGB, upright.

    Raises:
        DataError: as `read_image`.
    """
    path = Path(path)
    reader = reader_of(path, page)
    if reader is None:
        return np.array(_decode(path, max_pixels, intensity_range)[0])
    values = _checked(path, reader(path, max_pixels=max_pixels))
    return np.array(_rgb(path, values, intensity_range))


def _decode(
    path: Path, max_pixels: int, intensity_range: tuple[float, float] | None
) -> tuple[Image.Image, bytes | None, int]:
    """Returns the upright RGB image, the file's bytes if they can be kept, and its orientation."""
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


def _check_same_size(sample: Sample, image: EncodedImage, mask: np.ndarray) -> None:
    size = (image.height, image.width)
    if mask.shape == size:
        return
    message = (
        f"{sample.image}: the image has {image.height} x {image.width} pixels (height x width) "
        f"but its mask {sample.mask} has {mask.shape[0]} x {mask.shape[1]}"
    )
    if mask.shape != size[::-1]:
        raise DataError(f"{message}; masks are never resized, find the mask of this image")
    if image.orientation >= 5:
        raise DataError(
            f"{message}; the mask fits the image before its EXIF orientation {image.orientation} "
            "is applied: rotate the mask as well, or remove the tag from the image"
        )
    if sample.mask.suffix == ".json":
        raise DataError(
            f"{message}; width and height are swapped against the file: correct them there, or "
            "export it again"
        )
    raise DataError(f"{message}; height and width are swapped: transpose the mask")
