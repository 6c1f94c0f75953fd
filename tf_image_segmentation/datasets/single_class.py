"""A sign that masks are read wrong: ignored pixels, and a single class."""

from __future__ import annotations

from collections.abc import Sequence

from tf_image_segmentation.datasets.info import DatasetInfo


def single_class(info: DatasetInfo, pixels: Sequence[int]) -> str | None:
    """Says that of all classes only one occurs, and beside it ignored pixels; None if not so.

    The foreground of masks of 0 and 255 looks like this where 255 is taken for the ignore label.

    Args:
        info: the dataset.
        pixels: of each mask value, at least up to the ignore label.
    """
    if info.ignore_label is None or info.num_classes < 2 or not pixels[info.ignore_label]:
        return None
    present = [name for label, name in enumerate(info.class_names) if pixels[label]]
    if len(present) != 1:
        return None
    return (
        f"masks hold {present[0]!r} alone, and beside it {pixels[info.ignore_label]:,} ignored "
        f"pixels ({info.ignore_label}), which may well be a class: see whether --mask-encoding "
        "binary_255 is meant, or give each class its value in classes.csv"
    )
