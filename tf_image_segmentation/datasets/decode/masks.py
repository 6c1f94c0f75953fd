"""Reading masks: from a file to class ids, without scaling, wrapping or guessing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.decode import decoding
from tf_image_segmentation.datasets.decode.mask_encodings import class_ids
from tf_image_segmentation.datasets.decode.other_formats import read_jpeg_mask
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Reader, Sample
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import Color


def read_mask(path: Path, *, max_pixels: int = decoding.MAX_PIXELS) -> np.ndarray:
    """Reads the values that a PNG mask stores.

    A palette gives its indices, not its colors. 1-, 2- and 4-bit masks give the stored ids 0 to
    15, not gray levels.

    Args:
        path: a PNG file, whatever its extension.
        max_pixels: largest height * width that will be decoded.

    Returns:
        uint8 or uint16 [height, width] ids, or uint8 [height, width, 3] RGB colors; [height, width,
        4] RGBA where pixels are transparent.

    Raises:
        DataError: if the file is not a PNG, is damaged, or stores what cannot be a mask.
    """
    return _stored_values(path, decoding.read_bytes(path), max_pixels)


def _stored_values(path: Path, data: bytes, max_pixels: int) -> np.ndarray:
    kind = decoding.content_type(data)
    if kind == "JPEG":
        raise DataError(
            f"{path}: is a JPEG, whose compression changes class ids; masks must be PNG, "
            "made from the original annotation and not from this file; one of black and white can "
            "be read with mask_encoding='threshold_128' (--mask-encoding)"
        )
    if kind != "PNG":
        raise DataError(
            f"{path}: the content is {kind}, but masks must be PNG; convert it without loss, "
            "or give Sample.read_mask a function that reads it"
        )
    image = decoding.open_image(path, data, max_pixels)
    header = decoding.png_header(data)
    _check_storage(path, header)
    loaded = decoding.load(path, data, image)
    values = np.asarray(loaded)
    if decoding.orientation(image) != 1:
        raise DataError(
            f"{path}: the mask has an EXIF orientation other than 1, which few programs obey; "
            "rotate its pixels and remove the tag"
        )
    if header.color_type == decoding.GRAY_ALPHA:
        values = np.asarray(loaded.convert("RGBA"))
    if values.ndim == 3:
        return values if values.shape[2] == 4 and not values[:, :, 3].all() else values[:, :, :3]
    if header.color_type == decoding.GRAY and header.bit_depth < 8:
        return _unscale(values, header.bit_depth)
    return values


def _check_storage(path: Path, header: decoding.PngHeader) -> None:
    if header.color_type != decoding.GRAY and header.bit_depth == 16:
        raise DataError(f"{path}: the mask has 16-bit colors; save it as 8-bit RGB or as class ids")


def _unscale(values: np.ndarray, bit_depth: int) -> np.ndarray:
    # Pillow stretches 2- and 4-bit grays to 0..255 (id 1 of a 4-bit mask becomes 17), and makes
    # bool of one bit.
    if bit_depth == 1:
        return values.astype(np.uint8)
    return values // np.uint8(255 // (2**bit_depth - 1))


def read_class_ids(
    sample: Sample, info: DatasetInfo, *, max_pixels: int = decoding.MAX_PIXELS
) -> np.ndarray:
    """Reads the mask of ``sample`` as class ids, uint8 [height, width]; see `class_ids`."""
    read = sample.read_mask
    if read is None:
        read = _READERS.get(info.mask_encoding, read_mask)
    return class_ids(read(sample.mask, max_pixels=max_pixels), info, sample.mask)


def _read_png_or_jpeg(path: Path, *, max_pixels: int) -> np.ndarray:
    """Reads a mask of which only more or less than 128 counts, so that compression does no harm."""
    is_jpeg = decoding.content_type(decoding.read_bytes(path, 512)) == "JPEG"
    return (read_jpeg_mask if is_jpeg else read_mask)(path, max_pixels=max_pixels)


def read_mask_colors(
    path: Path, *, max_pixels: int = decoding.MAX_PIXELS, colors: Collection[Color] | None = None
) -> np.ndarray:
    """Reads a mask as `read_mask` does, but of a palette gives the colors.

    Args:
        path: a PNG file.
        max_pixels: largest height * width that is decoded.
        colors: those that mean something; a palette that uses others gives its indices. None takes
            any.
    """
    data = decoding.read_bytes(path)
    values = _stored_values(path, data, max_pixels)
    if decoding.png_header(data).color_type != decoding.PALETTE:
        return values
    stored = decoding.open_image(path, data, max_pixels).getpalette("RGB") or []
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(stored) // 3] = np.reshape(stored, (-1, 3))
    used = {tuple(color) for color in palette[np.unique(values)].tolist()}
    return palette[values] if colors is None or used <= set(colors) else values


_READERS: Mapping[str, Reader] = {"threshold_128": _read_png_or_jpeg, "rgb": read_mask_colors}


def read_gray_mask(path: Path, *, max_pixels: int = decoding.MAX_PIXELS) -> np.ndarray:
    """Reads the values that a PNG mask stores: uint8 or uint16 [height, width].

    Raises:
        DataError: as `read_mask`, or if the mask has colors.
    """
    mask = read_mask(path, max_pixels=max_pixels)
    if mask.ndim == 2:
        return mask
    mask = mask[:, :, :3]
    if (mask != mask[:, :, :1]).any():
        raise DataError(f"{path}: has colors, but this dataset's masks are gray; unpack it again")
    return mask[:, :, 0]
