"""NIfTI volumes (.nii, .nii.gz): their slices as images and masks, and volumes of labels.

Slice k is ``volume[:, :, k]`` as it is stored, with the second axis as rows and the first as
columns; nothing is turned to a common orientation. Further axes, such as time, run slower. nibabel
reads the files, and must be installed.
"""

from __future__ import annotations

import math
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tf_image_segmentation.datasets.decode.decoding import (
    MAX_PIXELS,
    check_pixels,
    read_bytes,
    several_pictures,
)
from tf_image_segmentation.errors import DataError

_MOST_VALUES = 2**31
_HEADER = 352


class _Volume(NamedTuple):
    """Stored values with as many axes as the file has, and what they are to be scaled with."""

    values: Any
    slope: float
    intercept: float

    @property
    def slices(self) -> int:
        return math.prod(self.values.shape[2:])


def is_nifti(head: bytes) -> bool:
    """Says whether the first bytes of a file are those of a NIfTI file, compressed or not."""
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, _HEADER)
        except zlib.error:
            return False
    return head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] in (b"n+2\0", b"ni2\0")


def count_slices(path: Path) -> int:
    """Returns the number of slices; see `read_nifti` for errors."""
    return _volume(path).slices


def read_nifti(path: Path, *, max_pixels: int = MAX_PIXELS, page: int | None = None) -> np.ndarray:
    """Reads a slice.

    Args:
        path: the file.
        max_pixels: largest height * width of a slice.
        page: which slice, from 0; None for the only one.

    Returns:
        uint8, uint16, int16 or float32 [height, width]; what else is stored, or scaled by the
        header, becomes float32, and what is not finite the least value of the slice.

    Raises:
        DataError: it is no NIfTI file, damaged, too large, there is no such slice, or nibabel is
            not installed.
    """
    values, slope, intercept = _slice(path, max_pixels, page)
    if (slope, intercept) != (1.0, 0.0):
        values = values.astype(np.float32) * slope + intercept
    if values.dtype not in (np.uint8, np.uint16, np.int16):
        values = values.astype(np.float32)
        finite = np.isfinite(values)
        if not finite.all():
            values = np.where(finite, values, values[finite].min() if finite.any() else 0)
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))


def read_nifti_mask(
    path: Path, *, max_pixels: int = MAX_PIXELS, page: int | None = None
) -> np.ndarray:
    """Reads a slice of labels, int32 [height, width]; floats must be whole numbers.

    Raises:
        DataError: as `read_nifti`, or a value is no whole number.
    """
    values, slope, intercept = _slice(path, max_pixels, page)
    scaled = values.astype(np.float64) * slope + intercept
    whole = np.rint(scaled)
    if not np.isfinite(scaled).all() or (np.abs(whole - scaled) > 1e-3).any():
        raise DataError(f"{path}: holds values that are no whole numbers; masks hold class ids")
    if np.abs(whole).max(initial=0) > np.iinfo(np.int32).max:
        raise DataError(f"{path}: holds {np.abs(whole).max():g}, which is no class id")
    return whole.astype(np.int32)


def differing_affines(first: Path, second: Path) -> bool:
    """Says whether two files are NIfTI and place their voxels differently."""
    if not all(is_nifti(read_bytes(path, 4096)) for path in (first, second)):
        return False
    return not np.allclose(_loaded(first).affine, _loaded(second).affine, atol=1e-3)


def write_labels(path: Path, slices: np.ndarray, like: Path) -> None:
    """Writes labels as a volume in the place of another one.

    Args:
        path: of the file to write, ending in .nii.gz or .nii.
        slices: uint8 [slices, height, width].
        like: a NIfTI file, whose affine, units and spacing are kept.
    """
    nibabel = _nibabel()
    source = _loaded(like)
    labels = np.moveaxis(slices, 0, -1).swapaxes(0, 1)
    header = source.header.copy()
    header.set_data_dtype(np.uint8)
    header.set_slope_inter(1, 0)
    header["cal_min"] = header["cal_max"] = 0
    labels = labels.reshape(source.shape, order="F")
    nibabel.save(type(source)(labels, source.affine, header), path)


def _slice(path: Path, max_pixels: int, page: int | None) -> tuple[np.ndarray, float, float]:
    volume = _volume(path)
    if page is None and volume.slices > 1:
        raise several_pictures(path, volume.slices)
    if not 0 <= (page or 0) < volume.slices:
        raise DataError(f"{path}: has {volume.slices} slices, and slice {page} (from 0) is wanted")
    width, height = volume.values.shape[:2]
    check_pixels(f"{path}:", height, width, max_pixels)
    place = np.unravel_index(page or 0, volume.values.shape[2:], order="F")
    chosen = np.asarray(volume.values[(slice(None), slice(None), *map(int, place))])
    return chosen.T, volume.slope, volume.intercept


def _volume(path: Path) -> _Volume:
    path = Path(path)
    head = read_bytes(path, 4096)
    if not is_nifti(head):
        raise DataError(f"{path}: is no NIfTI file; name one that ends in .nii or .nii.gz")
    status = path.stat()
    return _read_volume(path, status.st_mtime_ns, status.st_size)


# Decompressing starts from the first slice each time, so that the last image and its mask are kept.
@lru_cache(maxsize=2)
def _read_volume(path: Path, _modified: int, _size: int) -> _Volume:
    image = _loaded(path)
    if not 2 <= len(image.shape) <= 4 or math.prod(image.shape) > _MOST_VALUES:
        raise DataError(
            f"{path}: has the shape {image.shape}; volumes of three or four axes and up to "
            f"{_MOST_VALUES} values are read"
        )
    if image.get_data_dtype().kind not in "iuf" or 0 in image.shape:
        raise DataError(
            f"{path}: stores {image.get_data_dtype()} values; save one integer or float a voxel"
        )
    try:
        values = image.dataobj.get_unscaled()
        if len(image.shape) == 2:
            values = values[..., np.newaxis]
        return _Volume(values, float(image.dataobj.slope), float(image.dataobj.inter))
    # What a damaged file ends in is not documented: OSError, EOFError and ValueError were seen.
    except Exception as error:
        raise _damaged(path, error) from error


def _loaded(path: Path) -> Any:
    nibabel = _nibabel()
    try:
        image = nibabel.load(path)
    except Exception as error:
        raise _damaged(path, error) from error
    if not isinstance(image, nibabel.Nifti1Image):  # NIfTI-2 is a kind of it
        raise DataError(f"{path}: is no NIfTI file; convert it to .nii.gz")
    return image


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path}: is a truncated or damaged NIfTI file ({error}); copy or download it again"
    )


def _nibabel() -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise DataError(
            "NIfTI files need nibabel: pip install nibabel (or install this package with its "
            "extra: pip install -e '.[medical]')"
        ) from error
    return nibabel
