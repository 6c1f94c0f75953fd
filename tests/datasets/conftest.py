"""Makes the files, good and bad, that the tests of this folder read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import DatasetInfo

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # PNG color type -> samples a pixel


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def png_bytes(values: np.ndarray, bit_depth: int, color_type: int) -> bytes:
    """Encodes [height, width] or [height, width, channels] without Pillow, which lacks 16 bits."""
    height, width = values.shape[:2]
    rows = values.reshape(height, -1)
    if bit_depth == 16:
        lines = [row.astype(">u2").tobytes() for row in rows]
    else:
        bits = (rows[..., None] >> np.arange(bit_depth)[::-1]) & 1
        lines = [np.packbits(row.ravel().astype(np.uint8)).tobytes() for row in bits]
    header = struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, 0)
    palette = _chunk(b"PLTE", bytes(range(48))) if color_type == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + palette
        + _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines)))
        + _chunk(b"IEND", b"")
    )


@pytest.fixture
def write_png(tmp_path: Path) -> Callable[..., Path]:
    """write_png(values, bit_depth, color_type, name) -> path."""

    def write(values, bit_depth: int = 8, color_type: int = 0, name: str = "mask.png") -> Path:
        path = tmp_path / name
        path.write_bytes(png_bytes(np.asarray(values), bit_depth, color_type))
        return path

    return write


@pytest.fixture
def photo() -> np.ndarray:
    """uint8 [20, 30, 3]; no two rows, columns or channels alike."""
    rows, columns = np.mgrid[:20, :30]
    return np.stack([rows * 12, columns * 8, rows + columns * 3], axis=-1).astype(np.uint8)


@pytest.fixture
def save(tmp_path: Path, photo: np.ndarray) -> Callable[..., Path]:
    """save(name, pixels=photo, **options of Image.save) -> path."""

    def write(name: str, pixels: np.ndarray | Image.Image = photo, **options) -> Path:
        path = tmp_path / name
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        image.save(path, **options)
        return path

    return write


@pytest.fixture
def make_info() -> Callable[..., DatasetInfo]:
    """make_info(num_classes, mask_encoding, ignore_label) -> DatasetInfo."""

    def make(num_classes: int = 3, mask_encoding: str = "index", ignore_label: int | None = 255):
        return DatasetInfo(
            name="toy",
            class_names=tuple(f"class {i}" for i in range(num_classes)),
            palette=tuple((i, 10 + i, 20 + i) for i in range(num_classes)),
            ignore_label=ignore_label,
            mask_encoding=mask_encoding,
        )

    return make
