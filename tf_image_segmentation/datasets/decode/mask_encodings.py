"""What the stored values of a mask mean: from file values to checked class ids.

Everything is int32 until the last check has passed, so that no value wraps into a valid one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.decode.mask_alpha import ids_of_visible
from tf_image_segmentation.datasets.decode.mask_errors import (
    set_encoding,
    unknown_colors,
    unknown_ids,
    unknown_values,
)
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose


def _single_channel(mask: np.ndarray, info: DatasetInfo, path: Path) -> np.ndarray:
    """Returns ``mask`` as int32 [height, width]; values that no class id can have are an error.

    RGB is fine where the three channels are equal.
    """
    if mask.ndim == 3 and (mask == mask[:, :, :1]).all():
        mask = mask[:, :, 0]  # ids in three equal channels
    if mask.ndim == 3:
        raise DataError(
            f"{path}: is an RGB mask, but dataset {info.name!r} stores class ids "
            f"(mask_encoding {info.mask_encoding!r}); give each class its color (in classes.csv, "
            f"or as the palette of a DatasetInfo) and {set_encoding('rgb')}"
        )
    limits = np.iinfo(np.int32)
    if mask.size and (mask.max() > limits.max or mask.min() < limits.min):
        beyond = (mask > limits.max) | (mask < limits.min)
        raise unknown_ids(mask[beyond], info, path)
    return mask.astype(np.int32)


def _index(mask: np.ndarray, info: DatasetInfo, path: Path) -> np.ndarray:
    """The stored value is the class id, or the ignore label."""
    ids = _single_channel(mask, info, path)
    if info.num_classes == 2 and _looks_binary(ids, info.ignore_label):
        raise DataError(
            f"{path}: holds only 0 and 255, and dataset {info.name!r} has 2 classes; if 255 is "
            f"the foreground {set_encoding('binary_255')}, if it is the ignore label "
            f"{set_encoding('index_with_void')}"
        )
    return ids


def _looks_binary(ids: np.ndarray, ignore_label: int | None) -> bool:
    values = set(np.unique(ids).tolist())
    all_void = values == {ignore_label}
    return 255 in values and values <= {0, 255} and not all_void


def _index_with_void(mask: np.ndarray, info: DatasetInfo, path: Path) -> np.ndarray:
    """As "index", for a set of 2 classes in which 255 is known not to be the foreground."""
    return _single_channel(mask, info, path)


def _zero_is_void(mask: np.ndarray, info: DatasetInfo, path: Path) -> np.ndarray:
    """0 is the ignore label, k is class k - 1; in int32, where 0 - 1 cannot become 255."""
    ids = _single_channel(mask, info, path)
    if info.ignore_label is None:
        raise DataError(
            f"{path}: mask_encoding 'zero_is_void' needs an ignore label; dataset "
            f"{info.name!r} has None"
        )
    # Before the shift: with 255 classes or so, a stored 256 would turn into the ignore label.
    beyond = (ids < 0) | (ids > info.num_classes)
    if beyond.any():
        raise unknown_ids(ids[beyond], info, path)
    return np.where(ids == 0, np.int32(info.ignore_label), ids - 1)


def _threshold_128(mask: np.ndarray, info: DatasetInfo, path: Path) -> np.ndarray:
    """8-bit gray, as a JPEG leaves of a black and white mask: 128 and more are class 1."""
    values = _single_channel(mask, info, path)
    beyond = (values < 0) | (values > 255)
    if beyond.any():
        raise unknown_ids(values[beyond], info, path)
    if values.size and values.max() == 1:
        raise DataError(
            f"{path}: holds only 0 and 1, of which mask_encoding 'threshold_128' would make class "
            f"0 alone; {set_encoding('index')}"
        )
    return (values >= 128).astype(np.int32)


def _label_map(mask: np.ndarray, info: DatasetInfo, path: Path) -> np.ndarray:
    """``info.label_map`` has the class id, or the ignore label, of each stored value."""
    ids = _single_channel(mask, info, path)
    if not info.label_map:
        raise DataError(
            f"{path}: mask_encoding 'label_map' needs a label_map; dataset {info.name!r} has none"
        )
    stored = np.array(sorted(info.label_map))
    nearest = np.searchsorted(stored, ids).clip(max=len(stored) - 1)
    unknown = stored[nearest] != ids
    if unknown.any():
        raise unknown_values(ids[unknown], info, path)
    return np.array([info.label_map[value] for value in stored.tolist()], np.int32)[nearest]


def _binary_255(mask: np.ndarray, info: DatasetInfo, path: Path) -> np.ndarray:
    """0 is class 0 and 255 is class 1."""
    ids = _single_channel(mask, info, path)
    beyond = (ids != 0) & (ids != 255)
    if beyond.any():
        raise unknown_ids(ids[beyond], info, path)
    return (ids == 255).astype(np.int32)


def _gray_levels(mask: np.ndarray, info: DatasetInfo, path: Path) -> np.ndarray:
    """Class k of n is the gray level 255 k / (n - 1), rounded up or down."""
    values = _single_channel(mask, info, path)
    last = info.num_classes - 1
    if not 1 <= last <= 85:
        raise DataError(
            f"{path}: mask_encoding 'gray_levels' needs 2 to 86 classes, which lie apart by 3 gray "
            f"levels or more; dataset {info.name!r} has {info.num_classes}"
        )
    clipped = values.clip(0, 255)
    ids = (clipped * last + 127) // 255
    beyond = (np.abs(clipped * last - ids * 255) >= last) | (values != clipped)  # a level away
    if beyond.any():
        raise unknown_ids(values[beyond], info, path)
    return ids


def _rgb_or_index(mask: np.ndarray, info: DatasetInfo, path: Path) -> np.ndarray:
    """Colors of the palette where a mask has them, else ids, in one channel or three equal ones."""
    if mask.ndim == 2:
        return _index(mask, info, path)
    try:
        return _rgb(mask, info, path)
    except DataError:
        if (mask != mask[:, :, :1]).any():
            raise
        return _index(mask, info, path)


def _pack(colors: np.ndarray) -> np.ndarray:
    """Packs [..., 3] RGB into one int32 a color."""
    red, green, blue = np.moveaxis(colors.astype(np.int32), -1, 0)
    return red * 65536 + green * 256 + blue


def _color_map(info: DatasetInfo, path: Path) -> dict[tuple[int, int, int], int]:
    """Returns the class id of each color, and the ignore label of the void colors."""
    if len(set(info.palette)) < info.num_classes:
        raise DataError(
            f"{path}: two classes of dataset {info.name!r} share a palette color, so that an "
            "RGB mask cannot tell them apart; give each class its own color"
        )
    colors = {color: index for index, color in enumerate(info.palette)}
    if info.ignore_label is not None:
        for color in info.void_colors:
            colors.setdefault(color, info.ignore_label)
    return colors


def _rgb(mask: np.ndarray, info: DatasetInfo, path: Path) -> np.ndarray:
    """The stored color is that of the class in ``info.palette``, or a void one."""
    if mask.ndim != 3:
        raise DataError(
            f"{path}: has a single channel, but dataset {info.name!r} declares RGB masks; "
            f"if it stores class ids, {set_encoding('index')}"
        )
    colors = _color_map(info, path)
    keys = _pack(np.array(list(colors)))
    order = np.argsort(keys)
    packed = _pack(mask)
    nearest = order[np.searchsorted(keys[order], packed).clip(max=len(keys) - 1)]
    unknown = keys[nearest] != packed
    if unknown.any():
        raise unknown_colors(packed[unknown], info, path)
    return np.array(list(colors.values()), np.int32)[nearest]


MaskEncoding = Callable[[np.ndarray, DatasetInfo, Path], np.ndarray]

MASK_ENCODINGS: Mapping[str, MaskEncoding] = {
    "index": _index,
    "index_with_void": _index_with_void,
    "rgb": _rgb,
    "zero_is_void": _zero_is_void,
    "binary_255": _binary_255,
    "threshold_128": _threshold_128,
    "label_map": _label_map,
    "gray_levels": _gray_levels,
    "rgb_or_index": _rgb_or_index,
}
"""How mask files store classes: each maps stored values to class ids, int32 [height, width]."""


def class_ids(mask: np.ndarray, info: DatasetInfo, path: Path) -> np.ndarray:
    """Turns stored mask values into checked class ids.

    Args:
        mask: integer or bool [height, width] values, [height, width, 3] RGB colors, or
            [height, width, 4] RGBA colors with transparent pixels, see `ids_of_visible`.
        info: the dataset, whose ``mask_encoding`` says what the values mean.
        path: where the mask came from, for messages.

    Returns:
        uint8 [height, width]; every pixel is a class id or the ignore label.

    Raises:
        DataError: if a value is neither, with all such values and their pixel counts.
    """
    _check_fits_uint8(info)
    encoding = choose("mask encoding", info.mask_encoding, MASK_ENCODINGS)

    def encoded(values: np.ndarray) -> np.ndarray:
        return encoding(values, info, path)

    values = _integers(mask, path)
    transparent = values.ndim == 3 and values.shape[2] == 4
    ids = ids_of_visible(values, info, path, encoded) if transparent else encoded(values)
    valid = (ids >= 0) & (ids < info.num_classes)
    if info.ignore_label is not None:
        valid |= ids == info.ignore_label
    if not valid.all():
        raise unknown_ids(ids[~valid], info, path)
    return ids.astype(np.uint8)


def _check_fits_uint8(info: DatasetInfo) -> None:
    ignore = 0 if info.ignore_label is None else info.ignore_label
    if info.num_classes > 256 or not 0 <= ignore <= 255:
        raise DataError(
            f"dataset {info.name!r} has {info.num_classes} classes and ignore label "
            f"{info.ignore_label}, but masks are stored in 8 bits; use ids of 0 to 255"
        )


def _integers(mask: np.ndarray, path: Path) -> np.ndarray:
    if mask.dtype == bool:
        mask = mask.astype(np.uint8)
    if not np.issubdtype(mask.dtype, np.integer):
        raise DataError(
            f"{path}: the mask holds {mask.dtype} values, not integers; store class ids as integers"
        )
    if mask.ndim != 2 and not (mask.ndim == 3 and mask.shape[2] in (3, 4)):
        raise DataError(
            f"{path}: the mask has shape {list(mask.shape)}; it must be [height, width], or "
            "[height, width, 3] for RGB"
        )
    return mask
