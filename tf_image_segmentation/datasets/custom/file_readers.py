"""The reader that a file needs, by its extension, for datasets of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tf_image_segmentation.datasets.decode.other_formats import read_bmp, read_gif, read_tiff
from tf_image_segmentation.datasets.sample import Reader, Sample

_OTHER_FORMATS: Mapping[str, Reader] = {
    ".tif": read_tiff,
    ".tiff": read_tiff,
    ".bmp": read_bmp,
    ".gif": read_gif,
}

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".gif")
MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif", ".jpg", ".jpeg")


def image_reader(path: Path) -> Reader | None:
    """Returns what reads an image, None for a JPEG or PNG."""
    return _OTHER_FORMATS.get(path.suffix.lower())


def sample_of_files(image_id: str, image: Path, mask: Path) -> Sample:
    """Returns the sample of an image and a mask, each in a format that its extension tells.

    JPEG masks are read with the mask encoding "threshold_128" only.
    """
    read_mask = _OTHER_FORMATS.get(mask.suffix.lower())
    return Sample(image_id, image, mask, image_reader(image), read_mask)
