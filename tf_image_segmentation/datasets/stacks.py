"""Samples whose files hold several pictures: a sample for each page, frame or slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tf_image_segmentation.datasets.decode.nifti import differing_affines
from tf_image_segmentation.datasets.decode.pages import count_pages, read_mask_page, read_page
from tf_image_segmentation.datasets.registry import Splits
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError


def page_id(name: str, page: int) -> str:
    """Returns the id of a page, numbered from 0: "scan_0003" for page 3 of "scan"."""
    return f"{name}_{page:04d}"


def all_pages(splits: Mapping[str, Sequence[Sample]]) -> Splits:
    """Returns splits in which each picture of a file is a sample of its own.

    The mask of a stack is a stack of as many pictures, or one picture for all of them.

    Args:
        splits: the samples, whose files are opened when a split is listed.
    """

    def listed(split: str) -> Iterator[Sample]:
        for sample in splits[split]:
            yield from _pages(sample)

    return Splits(splits, listed)


def _pages(sample: Sample) -> list[Sample]:
    if not (sample.image.is_file() and sample.mask.is_file()):
        return [sample]  # missing files are listed with all others
    images = count_pages(sample.image)
    # A file of annotations is no stack, whatever it holds.
    own_mask = sample.mask != sample.image and not isinstance(sample.read_mask, partial)
    masks = count_pages(sample.mask) if own_mask else 1
    if masks not in (1, images):
        raise DataError(
            f"{sample.image}: holds {images} pictures, and its mask {sample.mask} {masks}; a mask "
            "has as many, or one for all"
        )
    if images == 1:
        return [sample]
    _check_affines(sample.image, sample.mask)
    return [
        replace(
            sample,
            image_id=page_id(sample.image_id, page),
            read_image=partial(read_page, page=page),
            read_mask=partial(read_mask_page, page=page) if masks > 1 else sample.read_mask,
        )
        for page in range(images)
    ]


def _check_affines(image: Path, mask: Path) -> None:
    """Refuses two volumes that lie in different places."""
    if differing_affines(image, mask):
        raise DataError(
            f"{mask}: its affine is not that of {image}, so that slices would not lie over each "
            "other; resample the mask onto the image"
        )
