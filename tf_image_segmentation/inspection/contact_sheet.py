"""A picture of examples with their masks over them, and what the colors mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.inference.visualization import contact_sheet, legend, overlay
from tf_image_segmentation.inspection.labels import palette_of
from tf_image_segmentation.inspection.source import Example


def write_contact_sheet(
    path: Path, examples: Sequence[Example], info: DatasetInfo | None, columns: int
) -> None:
    """Writes a PNG.

    Args:
        path: of the file.
        examples: what is drawn.
        info: the dataset, None where its classes are not known.
        columns: examples in a row.

    Raises:
        OSError: the file cannot be written.
    """
    palette = palette_of(info)
    sheet = contact_sheet([overlay(e.image, e.mask, palette) for e in examples], columns)
    names = _legend(examples, info, len(sheet))
    Image.fromarray(np.concatenate([sheet, names], axis=1)).save(path, format="PNG")


def _legend(examples: Sequence[Example], info: DatasetInfo | None, height: int) -> np.ndarray:
    ignore_label = None if info is None else info.ignore_label
    labels = [example.mask[example.mask != ignore_label] for example in examples]
    if not sum(map(len, labels)):
        return np.full((height, 1, 3), 255, np.uint8)
    class_names = () if info is None else info.class_names
    return legend(np.concatenate(labels), class_names, palette_of(info), height)
