"""Messages about the stored values of a mask that mean no class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError

_SHOWN = 10  # ids or colors that a message names
_CLASSES = "classes.csv, or a DatasetInfo"


def set_encoding(encoding: str) -> str:
    """Returns how to choose a mask encoding, for messages."""
    return f"set mask_encoding={encoding!r} (--mask-encoding)"


def _counts(values: np.ndarray, show: Callable[[int], str]) -> str:
    """Returns "7 (12 pixels), 9 (1 pixel)" for the values of a 1-D array, most frequent first."""
    found, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_SHOWN]
    shown = ", ".join(
        f"{show(int(found[i]))} ({counts[i]} pixel{'s' if counts[i] > 1 else ''})" for i in order
    )
    return shown if len(found) <= _SHOWN else f"{shown} and {len(found) - _SHOWN} more"


def unknown_ids(values: np.ndarray, info: DatasetInfo, path: Path) -> DataError:
    """Returns the error for ids that are neither a class nor the ignore label, integers [n]."""
    ignore = "no ignore label" if info.ignore_label is None else f"ignore label {info.ignore_label}"
    message = (
        f"{path}: holds ids that are neither a class (0 to {info.num_classes - 1}) nor the ignore "
        f"label under mask_encoding {info.mask_encoding!r}: {_counts(values, str)}; dataset "
        f"{info.name!r} has {info.num_classes} classes and {ignore}"
    )
    if info.mask_encoding == "index" and np.all(values == info.num_classes):
        return DataError(
            f"{message}; if a class is missing, add it ({_CLASSES}); if 0 is void in this set, "
            f"{set_encoding('zero_is_void')}"
        )
    if info.mask_encoding == "index" and _are_gray_levels(values, info.num_classes):
        return DataError(
            f"{message}; if they are gray levels at even distances in the order of the classes, "
            f"{set_encoding('gray_levels')}, else give each class its value (a column id in "
            "classes.csv)"
        )
    if info.mask_encoding == "index":
        return DataError(
            f"{message}; if masks store other values than 0, 1, 2 ..., give each class its value "
            "(a column id in classes.csv); else correct the mask or the classes"
        )
    return DataError(
        f"{message}; correct the mask, the classes ({_CLASSES}), or the encoding (--mask-encoding)"
    )


def _are_gray_levels(values: np.ndarray, num_classes: int) -> bool:
    levels = np.linspace(0, 255, num_classes)
    known = {*np.floor(levels).astype(int).tolist(), *np.ceil(levels).astype(int).tolist()}
    return {*np.unique(values).tolist()} <= known


def unknown_values(values: np.ndarray, info: DatasetInfo, path: Path) -> DataError:
    """Returns the error for stored values that the label map lacks, integers [n]."""
    return DataError(
        f"{path}: holds values that the label map of dataset {info.name!r} lacks: "
        f"{_counts(values, str)}; correct the mask, or add them to the map "
        f"({_CLASSES})"
    )


def unknown_colors(packed: np.ndarray, info: DatasetInfo, path: Path) -> DataError:
    """Returns the error for colors that no class has, integers [n] of 0xrrggbb."""

    def rgb(color: int) -> str:
        return str((color >> 16, color >> 8 & 255, color & 255))

    return DataError(
        f"{path}: holds RGB colors that are not in the palette of dataset {info.name!r}: "
        f"{_counts(packed, rgb)}; add them to the palette ({_CLASSES}) or correct the mask"
    )
