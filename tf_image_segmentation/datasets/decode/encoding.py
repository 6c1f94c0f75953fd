"""From a sample on disk to the bytes that a record stores.

Conversions run `encode_sample` in worker processes; this module does not import TensorFlow, so that
they start at once and stay small.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tf_image_segmentation.datasets.decode.images import MAX_PIXELS, CheckedSample, read_sample
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError


@dataclass(frozen=True)
class EncodedSample:
    """A checked sample with its mask compressed.

    Attributes:
        image_id: the sample's id.
        encoded_image: JPEG or PNG bytes.
        image_format: ``"jpeg"`` or ``"png"``.
        height: height of image and mask in pixels.
        width: width of image and mask in pixels.
        encoded_mask: single-channel 8-bit PNG bytes that hold the class ids.
        label_pixels: pixels of each mask value, int64 [256].
    """

    image_id: str
    encoded_image: bytes
    image_format: str
    height: int
    width: int
    encoded_mask: bytes
    label_pixels: np.ndarray


def encode_mask(mask: np.ndarray) -> bytes:
    """Returns ``mask`` (uint8 [height, width]) as a single-channel 8-bit PNG.

    Never a palette PNG: decoders that apply the palette would turn class ids into colors.
    """
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(mask, dtype=np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def encode_checked(sample: CheckedSample) -> EncodedSample:
    """Compresses the mask of a checked sample and counts its pixels."""
    return EncodedSample(
        image_id=sample.image_id,
        encoded_image=sample.encoded_image,
        image_format=sample.image_format,
        height=sample.height,
        width=sample.width,
        encoded_mask=encode_mask(sample.mask),
        label_pixels=np.bincount(sample.mask.ravel(), minlength=256),
    )


def encode_sample(
    sample: Sample,
    info: DatasetInfo,
    max_pixels: int = MAX_PIXELS,
    intensity_range: tuple[float, float] | None = None,
) -> EncodedSample:
    """Reads, checks and encodes one sample.

    Raises:
        DataError: the image or the mask cannot be used or read; the message names the file.
    """
    try:
        checked = read_sample(sample, info, max_pixels=max_pixels, intensity_range=intensity_range)
    except OSError as error:
        raise DataError(f"{error.filename or sample.image}: cannot be read ({error})") from error
    return encode_checked(checked)
