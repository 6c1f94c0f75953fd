"""The frames of EndoVis 2017, without their border, and the masks of their instruments in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.decode.gray_masks import read_gray_mask
from tf_image_segmentation.datasets.decode.images import decode_image
from tf_image_segmentation.errors import DataError

TYPES = {
    "bipolar forceps": 1,
    "prograsp forceps": 2,
    "large needle driver": 3,
    "vessel sealer": 4,
    "grasping retractor": 5,
    "monopolar curved scissors": 6,
    "other": 7,
}
"""The class id of each type of instrument, as in the challenge's type mapping."""

OTHER = TYPES["other"]

# Where the camera's 1024 x 1280 pixels are, as the challenge's page gives it.
_WITH_BORDER = (1080, 1920)
_ROWS, _COLUMNS = slice(28, 28 + 1024), slice(320, 320 + 1280)


def instrument_type(folder: Path) -> int:
    """Returns the class id of the instrument whose masks are in ``folder``, from its name.

    Names differ between the videos: Left_Prograsp_Forceps_labels, Maryland_Bipolar_Forceps_labels,
    Large_Needle_Driver_Left_labels, Right_Vessel_Sealer.

    Raises:
        DataError: if it names none of the types.
    """
    words = folder.name.lower().replace("_", " ")
    for name, number in TYPES.items():
        if name in words:
            return number
    raise DataError(
        f"{folder}: is the folder of no known instrument ({', '.join(TYPES)}); move it away"
    )


def _without_border(values: np.ndarray) -> np.ndarray:
    """Cuts the border off, unless somebody has done so before."""
    return values[_ROWS, _COLUMNS] if values.shape[:2] == _WITH_BORDER else values


def read_frame(path: Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads an image: uint8 [1024, 1280, 3] RGB."""
    return _without_border(decode_image(path, max_pixels=max_pixels))


def read_instruments(
    path: Path, *, others: tuple[Path, ...], task: str, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Reads the masks of a frame's instruments into one; where they overlap, the last counts.

    Args:
        path: mask of the first instrument.
        others: masks of the others; the folder of each says of which type it is.
        task: ``"binary"`` gives 0 and 1, ``"parts"`` the stored values (0, 10, 20, 30), and
            ``"type"`` the class ids of `TYPES`.
        max_pixels: largest height * width of a mask.

    Returns:
        uint8 or uint16 [1024, 1280].

    Raises:
        DataError: if one of them cannot be read, or has another size.
    """
    combined = _values(path, task, max_pixels)
    for other in others:
        values = _values(other, task, max_pixels)
        if values.shape != combined.shape:
            raise DataError(
                f"{other}: has {values.shape[0]} x {values.shape[1]} pixels (height x width), but "
                f"{path} has {combined.shape[0]} x {combined.shape[1]}; unpack them again"
            )
        combined = np.where(values > 0, values, combined)
    return combined


def _values(path: Path, task: str, max_pixels: int) -> np.ndarray:
    mask = _without_border(read_gray_mask(path, max_pixels=max_pixels))
    if task == "parts":
        return mask
    value = instrument_type(path.parent) if task == "type" else 1
    return np.where(mask > 0, np.uint8(value), np.uint8(0))
