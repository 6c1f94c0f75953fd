"""The images and labels in the HDF5 file of NYU Depth V2."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS, check_pixels
from tf_image_segmentation.errors import DataError


def read_frame(path: Path, *, number: int, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads image ``number`` of the file, from 1: uint8 [height, width, 3] RGB.

    Raises:
        DataError: if the file is no such file, damaged, or has no such frame.
    """
    # HDF5 has the axes of MATLAB in reverse: frame, channel, column, row.
    return _read(path, "images", number, (3,), max_pixels).transpose(2, 1, 0)


def read_labels(path: Path, *, number: int, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads the labels of image ``number``, from 1: uint16 [height, width]; see `read_frame`."""
    return _read(path, "labels", number, (), max_pixels).transpose()


def _read(
    path: Path, name: str, number: int, channels: tuple[int, ...], max_pixels: int
) -> np.ndarray:
    import h5py  # not loaded where no HDF5 is read

    try:
        with h5py.File(path, "r") as file:
            _check_shape(path, name, file[name].shape, number, channels, max_pixels)
            return np.asarray(file[name][number - 1])
    except DataError:
        raise
    # What h5py raises for files that are damaged, or have something else under the name.
    except (OSError, RuntimeError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"{path}: is not a readable MATLAB 7.3 file with {name} ({error}); download it again"
        ) from error


def _check_shape(
    path: Path,
    name: str,
    shape: tuple[int, ...],
    number: int,
    channels: tuple[int, ...],
    max_pixels: int,
) -> None:
    if len(shape) < 3 or shape[1:-2] != channels or not 1 <= number <= shape[0]:
        raise DataError(
            f"{path}: {name} has the shape {list(shape)}, in which there is no frame {number}; "
            "download it again"
        )
    width, height = shape[-2:]
    check_pixels(f"{path}: a frame", height, width, max_pixels)
