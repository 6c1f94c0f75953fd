"""The fingerprint of records, from their manifest and one pass over some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.regions import boundary_pixels
from tf_image_segmentation.planning.fingerprint import DataFingerprint
from tf_image_segmentation.tfrecords.reader import Records

MOST_IMAGES = 200
"""Images that are looked at, evenly taken; the others are counted."""

_MOST_PIXELS = 2**20  # of a mask, in which regions are measured; larger ones are thinned out


@dataclass(frozen=True)
class _Measured:
    """What is measured of one image: size, colors, and each class's pixels and regions."""

    size: tuple[int, int]
    is_gray: bool
    deviation: float
    pixels: np.ndarray  # [classes]
    border: np.ndarray  # [classes], pixels beside another class, in pixels of the image
    areas: list[np.ndarray]  # of connected regions, of each class


def fingerprint_of(records: Records, val_images: int, info: DatasetInfo) -> DataFingerprint:
    """Returns the fingerprint of training records.

    Args:
        records: what is trained on.
        val_images: number of validation images.
        info: the classes of both.

    Raises:
        DataError: a record is damaged.
    """
    step = -(-records.num_examples // MOST_IMAGES)
    measured = [_measure(*example, info.num_classes) for example in _every(records, step)]
    pixels = np.sum([each.pixels for each in measured], axis=0)
    sizes = np.array([each.size for each in measured])
    heights, widths = (_three(sizes[:, axis]) for axis in (0, 1))
    return DataFingerprint(
        dataset=info.name,
        class_names=tuple(info.class_names),
        train_images=records.num_examples,
        val_images=val_images,
        heights=heights,
        widths=widths,
        is_gray=all(each.is_gray for each in measured),
        deviation=float(np.median([each.deviation for each in measured])),
        class_pixels=_shares(_counted(records, pixels)),
        class_images=tuple(np.mean([each.pixels > 0 for each in measured], axis=0).tolist()),
        thickness=_thickness(pixels, np.sum([each.border for each in measured], axis=0)),
        object_sizes=_object_sizes([each.areas for each in measured]),
    )


def _every(records: Records, step: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields image and mask of each ``step``-th record."""
    with records.naming_damage():
        for number, element in enumerate(records.dataset()):
            if number % step == 0:
                example = records.parse(*element)
                yield example.image.numpy(), example.mask.numpy()


def _measure(image: np.ndarray, mask: np.ndarray, num_classes: int) -> _Measured:
    gray = bool(np.array_equal(image[..., 0], image[..., 1]))
    gray = gray and bool(np.array_equal(image[..., 1], image[..., 2]))
    stride = int(np.ceil((mask.size / _MOST_PIXELS) ** 0.5))
    small = mask[::stride, ::stride].astype(np.int32)
    labels = np.where(small < num_classes, small, -1)
    scale = stride**2
    return _Measured(
        size=(mask.shape[0], mask.shape[1]),
        is_gray=gray,
        deviation=float(image[::stride, ::stride].mean(axis=-1).std()),
        pixels=_counts(labels, num_classes) * scale,
        border=_counts(labels[boundary_pixels(labels)], num_classes) * stride,
        areas=[areas * scale for areas in _areas(labels, num_classes)],
    )


def _counts(labels: np.ndarray, num_classes: int) -> np.ndarray:
    return np.bincount(labels[labels >= 0], minlength=num_classes)


def _areas(labels: np.ndarray, num_classes: int) -> list[np.ndarray]:
    """Returns the pixels of each connected region (8 neighbors) of each class."""
    areas = [np.zeros(0, int)] * num_classes
    for label in np.unique(labels[labels >= 0]):
        regions, _ = ndimage.label(labels == label, np.ones((3, 3), bool))
        areas[label] = np.bincount(regions.ravel())[1:]
    return areas


def _three(values: np.ndarray) -> tuple[int, int, int]:
    return int(values.min()), int(np.median(values)), int(values.max())


def _counted(records: Records, measured: np.ndarray) -> np.ndarray:
    """Returns the pixels of each class of all records, as far as a manifest counts them."""
    split = None if records.manifest is None else records.manifest.splits.get("train")
    return measured if split is None else np.array(split.class_pixels)


def _shares(pixels: np.ndarray) -> tuple[float, ...]:
    if not pixels.sum():
        raise DataError(
            "the training masks have no labeled pixel, so there is nothing to learn; convert masks "
            "with labels"
        )
    return tuple((pixels / pixels.sum()).tolist())


def _thickness(pixels: np.ndarray, border: np.ndarray) -> tuple[float, ...]:
    return tuple(
        2 * float(area) / max(1.0, float(line)) if area else 0.0
        for area, line in zip(pixels, border, strict=True)
    )


def _object_sizes(areas: Sequence[Sequence[np.ndarray]]) -> tuple[float, ...]:
    """Returns the root of the area of the region that a median pixel of each class lies in."""
    return tuple(_median_size(np.concatenate(each)) for each in zip(*areas, strict=True))


def _median_size(areas: np.ndarray) -> float:
    if not len(areas):
        return 0.0
    # Over pixels and not regions: a speck of one pixel says nothing about the objects.
    ordered = np.sort(areas)
    middle = np.searchsorted(np.cumsum(ordered), ordered.sum() / 2)
    return float(ordered[middle]) ** 0.5
