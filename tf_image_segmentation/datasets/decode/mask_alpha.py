"""Masks with transparent pixels: what a pixel of alpha 0 means.

Editors keep a color under transparent pixels. Dropping alpha would give it to pixels that look
empty, so that it is refused unless an option says what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

BACKGROUND, IGNORE, COLOR = "background", "ignore", "color"
TRANSPARENT = {
    BACKGROUND: "class 0",
    IGNORE: "ignored",
    COLOR: "what their color says",
}
"""What transparent pixels may be, see `DatasetInfo.transparent`."""


def ids_of_visible(
    mask: np.ndarray,
    info: DatasetInfo,
    path: Path,
    class_ids: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Returns the class ids of an RGBA mask.

    Pixels of alpha 0 are what ``info.transparent`` says. If it says nothing, they must have the
    color of class 0 (or be 0, where masks store ids). Any other alpha counts as opaque.

    Args:
        mask: uint8 [height, width, 4].
        info: the dataset.
        path: of the mask, for messages.
        class_ids: returns the class ids of RGB pixels, [height, width, 3].

    Returns:
        Integers [height, width].

    Raises:
        DataError: transparent pixels keep a color that is not that of class 0, or there is no
            ignore label to give them.
    """
    colors, hidden = mask[:, :, :3], mask[:, :, 3] == 0
    meaning = info.transparent
    if meaning is None:
        _check_hidden(colors[hidden], hidden, info, path)
        meaning = COLOR
    choose("meaning of transparent pixels", meaning, TRANSPARENT)
    if meaning == COLOR:
        return class_ids(colors)
    if meaning == IGNORE and info.ignore_label is None:
        raise DataError(
            f"{path}: has transparent pixels, and dataset {info.name!r} has no ignore label; "
            "choose --transparent background or color"
        )
    value = info.ignore_label if meaning == IGNORE else 0
    ids = np.full(hidden.shape, value, np.int32)
    if not hidden.all():
        ids[~hidden] = class_ids(colors[~hidden][None])[0]
    return ids


def _check_hidden(found: np.ndarray, hidden: np.ndarray, info: DatasetInfo, path: Path) -> None:
    empty = {"rgb": [info.palette[0]], "rgb_or_index": [info.palette[0], (0, 0, 0)]}
    backgrounds = np.array(empty.get(info.mask_encoding, [(0, 0, 0)]))
    strange = found[(found[:, None] != backgrounds).any(axis=2).all(axis=1)]
    if not len(strange):
        return
    kept, counts = np.unique(strange, axis=0, return_counts=True)
    color = tuple(kept[counts.argmax()].tolist())
    raise DataError(
        f"{path}: {len(strange)} of {hidden.size} pixels are transparent and keep a color that is "
        f"not the background's, most of them {color}; say what transparent pixels are with "
        "--transparent background, ignore or color (color: alpha does not count)"
    )
