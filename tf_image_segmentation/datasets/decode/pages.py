"""Any file of images that this package reads, known by its content, and its pages.

JPEG and PNG have a single picture. TIFF, GIF, WebP and NIfTI may have several: pages, frames or
slices, which are numbered from 0 on.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from tf_image_segmentation.datasets.decode import other_formats
from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS, content_type, read_bytes
from tf_image_segmentation.datasets.decode.nifti import (
    count_slices,
    is_nifti,
    read_nifti,
    read_nifti_mask,
)
from tf_image_segmentation.datasets.sample import Reader
from tf_image_segmentation.errors import DataError

IMAGE_ENDINGS = (
    ".jpg",
    ".jpeg",
    ".png",
    ".tif",
    ".tiff",
    ".bmp",
    ".gif",
    ".webp",
    ".nii",
    ".nii.gz",
)
"""What names of images end in, in lower case."""

_COMPOUND = (".nii.gz", ".ome.tif", ".ome.tiff")


class PageReader(Protocol):
    """A `Reader` that may be told a page."""

    def __call__(self, path: Path, *, max_pixels: int, page: int | None = None) -> np.ndarray:
        """Returns the pixels of a page, from 0; None for the only one."""


_READERS: Mapping[str, PageReader] = {
    "TIFF": other_formats.read_tiff,
    "GIF": other_formats.read_gif,
    "BMP": other_formats.read_bmp,
    "WebP": other_formats.read_webp,
    "NIfTI": read_nifti,
}


def ending_of(name: str) -> str:
    """Returns what a file's name ends in, in lower case: ``.png``, or ``.nii.gz`` as a whole."""
    lower = name.lower()
    return next((each for each in _COMPOUND if lower.endswith(each)), Path(lower).suffix)


def bare_name(name: str) -> str:
    """Returns a file's name without `ending_of`."""
    return name[: len(name) - len(ending_of(name))]


def kind_of(path: Path) -> str:
    """Returns what the content of a file is, such as ``"PNG"`` or ``"NIfTI"``.

    Raises:
        DataError: the file cannot be read, or is empty.
    """
    head = read_bytes(path, 4096)
    return "NIfTI" if is_nifti(head) else content_type(head)


def reader_of(path: Path, page: int | None = None) -> Reader | None:
    """Returns what reads an image, None for a JPEG or PNG.

    Args:
        path: the file.
        page: which of several pictures, from 0; None for the only one.

    Raises:
        DataError: it is a file of another kind.
    """
    kind = kind_of(path)
    if kind in ("JPEG", "PNG"):
        return None
    if kind not in _READERS:
        raise DataError(
            f"{path}: the content is {kind}, but images must be JPEG, PNG, {', '.join(_READERS)}; "
            "convert it or take it out"
        )
    return partial(_READERS[kind], page=page)


def read_page(path: Path, *, max_pixels: int = MAX_PIXELS, page: int | None = None) -> np.ndarray:
    """Reads a picture of a file that is no JPEG or PNG; see `reader_of`."""
    reader = reader_of(path, page)
    if reader is None:
        raise DataError(f"{path}: has a single picture; leave out its page")
    return reader(path, max_pixels=max_pixels)


def read_mask_page(
    path: Path, *, max_pixels: int = MAX_PIXELS, page: int | None = None
) -> np.ndarray:
    """Reads a page of a stack of masks; slices of NIfTI as whole numbers."""
    if kind_of(path) == "NIfTI":
        return read_nifti_mask(path, max_pixels=max_pixels, page=page)
    return read_page(path, max_pixels=max_pixels, page=page)


def count_pages(path: Path) -> int:
    """Returns how many pictures a file holds; 1 for a file of a kind that is not read.

    Raises:
        DataError: the file cannot be read, or is damaged.
    """
    kind = kind_of(path)
    if kind == "NIfTI":
        return count_slices(path)
    return other_formats.count_pictures(path, kind) if kind in _READERS else 1
