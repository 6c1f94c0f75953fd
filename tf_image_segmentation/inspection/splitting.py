"""Divides the images of a dataset into parts, without near-duplicates on two sides."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inspection.measurement import Measurement
from tf_image_segmentation.inspection.perceptual_hash import DEFAULT_DISTANCE
from tf_image_segmentation.inspection.sample_source import ImageOptions, SampleSource
from tf_image_segmentation.inspection.split_units import (
    Look,
    frame_blocks,
    joined,
    near_duplicates,
)
from tf_image_segmentation.inspection.stratification import stratified


@dataclass(frozen=True)
class SplitOptions:
    """How images are divided.

    Attributes:
        shares: of each part, which add up to 1.
        seed: decides among equals.
        group: a regular expression; images in whose ids (or else paths) it finds the same stay
            together: its first group, or all that it matches.
        max_distance: images whose perceptual hashes differ in at most so many bits stay together;
            -1 looks for equal pixels only.
        images: how images are read.
        workers: processes that read.
    """

    shares: Sequence[float]
    seed: int = 0
    group: str | None = None
    max_distance: int = DEFAULT_DISTANCE
    images: ImageOptions = field(default_factory=ImageOptions)
    workers: int = 1


def divide(
    info: DatasetInfo, samples: Sequence[Sample], options: SplitOptions, progress: bool = False
) -> list[list[Sample]]:
    """Returns the samples of each part, in their old order.

    Images of a group, near-duplicates and blocks of numbered frames stay together; every part gets
    its share of every class, as far as that allows. Where near-duplicates join more than half of
    all images, as in a video of a camera that stands still, only those with equal pixels count.
    Samples that cannot be read are in the first part; a conversion tells of them.

    Args:
        info: the dataset.
        samples: all of them.
        options: how.
        progress: whether a progress bar is shown.

    Raises:
        DataError: there are fewer units than parts, or an id does not match the group.
    """
    measured: dict[int, Measurement] = {}

    def observe(found: Measurement) -> None:
        measured[found.position.number] = found

    whole = {"all": samples}
    SampleSource(info, whole, None, options.images, options.workers, progress).measure(observe)
    units = _units(samples, measured, options)
    classes = np.array([_images_of_classes(unit, measured, info.num_classes) for unit in units])
    part_of = stratified([len(unit) for unit in units], classes, options.shares, options.seed)
    places: list[list[int]] = [[] for _ in options.shares]
    for unit, part in zip(units, part_of.tolist(), strict=True):
        places[part] += unit
    return [[samples[place] for place in sorted(part)] for part in places]


def _units(
    samples: Sequence[Sample], measured: dict[int, Measurement], options: SplitOptions
) -> list[list[int]]:
    if options.group is not None:
        kept = _groups(samples, options.group)
    else:
        kept = frame_blocks([sample.image_id for sample in samples], min(options.shares))
    looks = {place: Look(each.hash, each.digest) for place, each in measured.items()}
    units = joined(len(samples), [*kept, *near_duplicates(looks, options.max_distance)])
    if len(max(units, key=len)) > max(len(samples) / 2, *map(len, kept), 1):
        units = joined(len(samples), [*kept, *near_duplicates(looks, -1)])
    return units


def _groups(samples: Sequence[Sample], expression: str) -> list[list[int]]:
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise DataError(f"--group {expression}: is no regular expression ({error})") from error
    groups: dict[str, list[int]] = defaultdict(list)
    for place, sample in enumerate(samples):
        found = pattern.search(sample.image_id) or pattern.search(sample.image.as_posix())
        if found is None:
            raise DataError(
                f"--group {expression}: does not match {sample.image_id!r} or its path; write one "
                "that matches every image, such as '^[^_]+' for what stands before the first _"
            )
        groups[found[1] if pattern.groups else found[0]].append(place)
    return list(groups.values())


def _images_of_classes(
    unit: Sequence[int], measured: dict[int, Measurement], count: int
) -> np.ndarray:
    pixels = [measured[place].label_pixels[:count] for place in unit if place in measured]
    return (np.array(pixels) > 0).sum(axis=0) if pixels else np.zeros(count, np.int64)
