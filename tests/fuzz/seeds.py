"""Small valid files of every kind that the readers take."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import scipy.io
from PIL import Image

from tf_image_segmentation.datasets import DatasetInfo

HEIGHT, WIDTH = 9, 12
INFO = DatasetInfo(
    name="tiny",
    class_names=("background", "cat", "dog"),
    palette=((0, 0, 0), (255, 0, 0), (0, 0, 255)),
    ignore_label=255,
    splits={"train": 2, "val": 1},
)

_ROWS, _COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
PHOTO = np.stack([_ROWS * 20, _COLUMNS * 20, _ROWS * _COLUMNS], axis=-1).astype(np.uint8)
LABELS = ((_ROWS + _COLUMNS) // 4 % 3).astype(np.uint8)
LABELS[0] = 255


def encoded(pixels: np.ndarray, kind: str, mode: str | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(buffer, kind, **options)
    return buffer.getvalue()


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


GRAY = PHOTO[..., 0]
IMAGES = {
    "jpeg": encoded(PHOTO, "JPEG"),
    "jpeg_progressive": encoded(PHOTO, "JPEG", progressive=True),
    "jpeg_gray": encoded(GRAY, "JPEG"),
    "jpeg_cmyk": encoded(PHOTO, "JPEG", "CMYK"),
    "jpeg_turned": encoded(PHOTO.swapaxes(0, 1).copy(), "JPEG", exif=_exif(6)),
    "png": encoded(PHOTO, "PNG"),
    "png_gray": encoded(GRAY, "PNG"),
    "png_alpha": encoded(PHOTO, "PNG", "RGBA"),
    "png_palette": encoded(PHOTO, "PNG", "P"),
    "png_one_bit": encoded(GRAY, "PNG", "1"),
    "png_16_bits": encoded(GRAY.astype(np.uint16) * 250, "PNG"),
    "png_turned": encoded(PHOTO[::-1].copy(), "PNG", exif=_exif(4)),
}

_PALETTE = Image.fromarray(LABELS, "L").convert("P")
_PALETTE.putpalette([*range(256)] * 3)


def _saved(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


MASKS = {
    "index": encoded(LABELS, "PNG"),
    "palette": _saved(_PALETTE),
    "sixteen_bits": encoded(LABELS.astype(np.uint16), "PNG"),
    "one_bit": encoded((LABELS == 1), "PNG"),
}


def with_png_checksums(data: bytes) -> bytes:
    """Mends the checksums of a PNG's chunks, so that a mutation is not found by them."""
    position, mended = 8, bytearray(data[:8])
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        content = data[position + 4 : position + 8 + length]
        mended += data[position : position + 4] + content
        mended += struct.pack(">I", zlib.crc32(content))
        position += 12 + length
    return bytes(mended)


OTHERS = {
    "tiff": encoded(PHOTO, "TIFF"),
    "tiff_lzw": encoded(PHOTO, "TIFF", compression="tiff_lzw"),
    "tiff_deflate": encoded(PHOTO, "TIFF", compression="tiff_adobe_deflate"),
    "tiff_gray_16": encoded(GRAY.astype(np.uint16) * 250, "TIFF"),
    "tiff_one_bit": encoded(GRAY > 90, "TIFF", compression="group4"),
    "gif": encoded(PHOTO, "GIF"),
    "bmp": encoded(PHOTO, "BMP"),
    "bmp_palette": encoded(PHOTO, "BMP", "P"),
    "jpeg": encoded(PHOTO, "JPEG"),
}

IDS = {"unix": b"a\nb b\nd\xc3\xa4\n", "windows": b"\xef\xbb\xbfa\r\n\r\nb b\r\nd\xc3\xa4"}
PAIRS = {
    "spaces": b"train/a.png trainannot/a.png\ntrain/b b.png trainannot/b b.png\n",
    "tabs": b"train/a.png\ttrainannot/a.png\r\n\r\ntrain/c.png\ttrainannot/c.png\r\n",
}


def _mat(compressed: bool) -> bytes:
    boundaries = np.empty((2, 1), object)
    boundaries[:, 0] = [np.eye(2), "text"]
    fields = {"Boundaries": boundaries, "Segmentation": LABELS, "CategoriesPresent": [[1, 2]]}
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"GTcls": fields}, do_compression=compressed)
    return buffer.getvalue()


MATS = {"plain": _mat(False), "compressed": _mat(True)}


def compressed_again(data: bytes) -> bytes:
    """Packs the elements of an uncompressed .mat file, so that a mutation survives the checksum."""
    content = zlib.compress(data[128:])
    return data[:128] + struct.pack("<II", 15, len(content)) + content


FILES = {"top/a b.txt": b"one", "top/deep/two": bytes(600), "three": b"3" * 513}


def _tar(mode: str, kind: int = tarfile.GNU_FORMAT, evil: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=kind) as archive:
        for name, content in {**FILES, **({evil: b"evil"} if evil else {})}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if evil:
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, evil
            archive.addfile(link)
    return buffer.getvalue()


def _zip(compression: int, evil: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in {**FILES, **({evil: b"evil"} if evil else {})}.items():
            archive.writestr(name, content)
    return buffer.getvalue()


ARCHIVES = {
    "tar": _tar("w"),
    "tar_long_names": _tar("w", tarfile.PAX_FORMAT),
    "tgz": _tar("w:gz"),
    "zip": _zip(zipfile.ZIP_STORED),
    "zip_deflated": _zip(zipfile.ZIP_DEFLATED),
}
EVIL_ARCHIVES = {
    "tar_up": _tar("w", evil="../evil"),
    "tgz_absolute": _tar("w:gz", evil="/tmp/evil"),
    "tar_pax": _tar("w", tarfile.PAX_FORMAT, evil="x" * 150 + "/../../../evil"),
    "zip_up": _zip(zipfile.ZIP_STORED, evil="../evil"),
    "zip_absolute": _zip(zipfile.ZIP_DEFLATED, evil="/tmp/evil"),
}


def with_tar_checksums(data: bytes) -> bytes:
    """Mends the checksums of a tar's headers; blocks that are none have no ``ustar`` in them."""
    blocks = [bytearray(data[start : start + 512]) for start in range(0, len(data), 512)]
    for block in blocks:
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
    return b"".join(blocks)
