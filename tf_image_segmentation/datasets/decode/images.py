"""Reading images and samples: the one place where what is wrong with them is found."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tf_image_segmentation.datasets.decode import decoding
from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.decode.masks import read_class_ids
from tf_image_segmentation.datasets.decode.pages import reader_of
from tf_image_segmentation.datasets.decode.pixels import upright_rgb
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
    pixels, original, turned = upright_rgb(
        path, max_pixels=max_pixels, intensity_range=intensity_range, reader=reader
    )
    if original is not None:
        kind = decoding.content_type(original).lower()
        return EncodedImage(original, kind, pixels.height, pixels.width)
    buffer = io.BytesIO()
    # A fresh image: Pillow would copy the old one's EXIF, transparency and profile into the PNG.
    Image.fromarray(np.asarray(pixels)).save(buffer, format="PNG")
    return EncodedImage(buffer.getvalue(), "png", pixels.height, pixels.width, turned)


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
    pixels, *_ = upright_rgb(
        path,
        max_pixels=max_pixels,
        intensity_range=intensity_range,
        reader=reader_of(path, page),
    )
    return np.array(pixels)


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
