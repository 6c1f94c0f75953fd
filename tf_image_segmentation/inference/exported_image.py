"""Pictures as labeling tools take them: 8-bit RGB in JPEG or PNG, beside their labels."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tf_image_segmentation.atomic import place
from tf_image_segmentation.datasets.decode.images import read_image
from tf_image_segmentation.datasets.decode.pages import reader_of
from tf_image_segmentation.inference.formats import Labeled


def place_image(labeled: Labeled, path: Path, staging: Path) -> Path:
    """Writes a picture: its file where that is upright 8-bit RGB, or else a PNG.

    What was turned, of more bits or of another format becomes a PNG of what the network saw, which
    fits the labels.

    Args:
        labeled: the picture.
        path: of the file, without an ending.
        staging: as for `LabelFormat.write`.

    Returns:
        The file.
    """
    data, ending = _exported(labeled)
    path = path.with_name(path.name + ending)
    path.parent.mkdir(parents=True, exist_ok=True)
    (staging / "image").write_bytes(data)
    place(staging / "image", path)
    return path


def _exported(labeled: Labeled) -> tuple[bytes, str]:
    """Returns the bytes of the file, and its ending."""
    job, pixels = labeled.job, labeled.labels.size
    if job.page is None and reader_of(job.image) is None:
        # The range does not matter: what it would be used for is not kept.
        stored = read_image(job.image, max_pixels=pixels, intensity_range=(0, 1))
        if stored.encoded == job.image.read_bytes():
            return stored.encoded, ".jpg" if stored.format == "jpeg" else ".png"
    buffer = io.BytesIO()
    Image.fromarray(labeled.image).save(buffer, format="PNG")
    return buffer.getvalue(), ".png"
