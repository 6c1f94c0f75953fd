"""Turns the bytes of a JPEG or PNG file into pixels, or says what the file is instead.

Shared by `pixels` and `masks`. Files are known by their content, never by their extension, and
only two of Pillow's decoders are ever run, so that no other parser meets an untrusted file.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin

from tf_image_segmentation.errors import DataError

MAX_PIXELS = 2**27
"""Default limit on height * width: 134 million pixels, 0.5 GB when decoded."""

# PNG: name and checksum of the last chunk; JPEG: the end-of-image marker.
_ENDS = {"PNG": b"IEND\xae\x42\x60\x82", "JPEG": b"\xff\xd9"}
_EXIF_ORIENTATION = 0x0112
# What turns the stored picture upright (Exif 2.32, section 4.6.4, tag Orientation).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"BM", "BMP"),
    (b"%!PS", "EPS or PostScript"),
    (b"\xc5\xd0\xd3\xc6", "EPS or PostScript"),
    (b"%PDF", "PDF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\x93NUMPY", "NumPy"),
    (b"\x89HDF", "HDF5"),
    (b"MATLAB", "MATLAB"),
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"version https://git-lfs", "Git LFS pointer"),
)


class PngHeader(NamedTuple):
    """What Pillow does not tell about a PNG: its bits a sample (1 to 16) and its color type."""

    bit_depth: int
    color_type: int


GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
"""Color types of the PNG specification, section 11.2.1."""


def read_bytes(path: Path, most: int = -1) -> bytes:
    """Returns the content of a file, or raises a `DataError` if it cannot be read or is empty.

    Args:
        path: the file.
        most: so many bytes at most; -1 for all.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); check that the file exists "
            "and may be read"
        ) from error
    if not data:
        raise DataError(f"{path}: is empty (0 bytes); copy or download it again")
    return data


def content_type(data: bytes) -> str:
    """Returns what the first bytes of a file say it is, for example ``"JPEG"`` or ``"HTML"``."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        return "HEIF, AVIF or video"
    text = data[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "HTML"
    if text.startswith((b"<?xml", b"<svg")):
        return "XML or SVG"
    return "unknown"


def png_header(data: bytes) -> PngHeader:
    """Reads bit depth and color type from the IHDR chunk, which a PNG must begin with."""
    return PngHeader(bit_depth=data[24], color_type=data[25])


def open_image(path: Path, data: bytes, max_pixels: int = MAX_PIXELS) -> ImageFile.ImageFile:
    """Reads the header of a JPEG or PNG and checks it; no pixel is decoded yet.

    Of a multi-picture JPEG (MPO) this is the first picture.

    Args:
        path: where ``data`` came from, for messages.
        data: the bytes of a file that `content_type` calls JPEG or PNG.
        max_pixels: largest height * width that will be decoded.

    Raises:
        DataError: for a broken header, an animated PNG, or more than ``max_pixels`` pixels.
    """
    # Image.open would weigh the size against a limit of its own, global to the process; the
    # plugin classes leave that to the check below.
    is_png = content_type(data) == "PNG"
    plugin = PngImagePlugin.PngImageFile if is_png else JpegImagePlugin.JpegImageFile
    try:
        image = plugin(io.BytesIO(data))
    except Exception as error:  # see load
        raise _broken(path, data, error) from error
    check_pixels(f"{path}:", image.height, image.width, max_pixels)
    if getattr(image, "is_animated", False):
        raise DataError(f"{path}: is an animated PNG; save the wanted frame as a still PNG")
    return image


def check_pixels(what: str, height: int, width: int, max_pixels: int) -> None:
    """Raises a `DataError` if there are more than ``max_pixels`` pixels.

    Args:
        what: has them, for the message: "<path>:" for example.
        height: in pixels.
        width: in pixels.
        max_pixels: largest height * width.
    """
    if height * width > max_pixels:
        raise DataError(
            f"{what} has {height} x {width} pixels (height x width), more than the limit of "
            f"{max_pixels}; raise max_pixels (--max-pixels) if the file can be trusted"
        )


def several_pictures(path: Path, count: int) -> DataError:
    """Returns the error about a file of several pictures of which none is chosen."""
    return DataError(
        f"{path}: holds {count} pictures, and which of them is meant is not known; --pages all "
        "takes each as an image of its own, or save the wanted one as a file"
    )


def load(path: Path, data: bytes, image: ImageFile.ImageFile) -> ImageFile.ImageFile:
    """Decodes every pixel of ``image``, which `open_image` made from ``data``.

    Raises:
        DataError: if the file is truncated or damaged.
    """
    try:
        # load() passes over PNG checksums and missing ends, at which TensorFlow's decoders stop.
        if isinstance(image, PngImagePlugin.PngImageFile):
            PngImagePlugin.PngImageFile(io.BytesIO(data)).verify()
        if _ENDS[content_type(data)] not in data:
            raise SyntaxError("its end is missing")
        image.load()
    # Which exceptions a damaged file ends in is not documented: OSError, SyntaxError, zlib.error,
    # ValueError and struct.error have been seen.
    except Exception as error:
        raise _broken(path, data, error) from error
    return image


def _broken(path: Path, data: bytes, error: Exception) -> DataError:
    return DataError(
        f"{path}: is a truncated or damaged {content_type(data)} file ({error}); "
        "copy or download it again"
    )


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8; 1 (upright) if there is none that can be read.

    Args:
        image: what `load` returned. For EXIF that follows the pixels of a PNG Pillow decodes these,
            and damage found here would be lost.
    """
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    # Cameras and editors write broken EXIF blocks; viewers ignore those, and so does this.
    except Exception:
        return 1
    return value if value in _UPRIGHT else 1


def upright(image: Image.Image, exif_orientation: int) -> Image.Image:
    """Returns ``image`` turned or mirrored as its EXIF orientation, 1 to 8, asks for."""
    if exif_orientation == 1:
        return image
    return image.transpose(_UPRIGHT[exif_orientation])
