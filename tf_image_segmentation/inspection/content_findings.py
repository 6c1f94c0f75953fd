"""Findings about what the images and masks of a dataset hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.single_class import single_class
from tf_image_segmentation.inspection.findings import ERROR, WARNING, Finding, counted, shorten
from tf_image_segmentation.inspection.near_duplicates import Pair
from tf_image_segmentation.inspection.statistics import LEAST_SIDE, SplitStatistics

Statistics = Mapping[str, SplitStatistics]


def content_findings(
    statistics: Statistics, pairs: Sequence[Pair], info: DatasetInfo | None
) -> list[Finding]:
    """Returns everything that stands out in the examples that could be read.

    Args:
        statistics: of each split.
        pairs: what `find_pairs` found.
        info: the dataset, None where its classes are not known.
    """
    return [
        *_repeated_ids(statistics),
        *_across_splits(pairs),
        *_single_class(statistics, info),
        *_absent_classes(statistics, info),
        *_ids(statistics, "unlabeled", "without a labeled pixel", _unlabeled(statistics, info)),
        *_ids(
            statistics,
            "small",
            f"with a side under {LEAST_SIDE} pixels",
            {split: found.small for split, found in statistics.items()},
        ),
        *_ids(
            statistics,
            "featureless",
            "of hardly more than one brightness, compared with others by equal pixels alone",
            {
                split: [image.image_id for image in found.images if image.hash is None]
                for split, found in statistics.items()
            },
        ),
        *_ids(
            statistics,
            "repeated-images",
            "with the pixels of another one of the same split",
            {split: _repeated_images(found) for split, found in statistics.items()},
        ),
    ]


def _repeated_ids(statistics: Statistics) -> list[Finding]:
    places: dict[str, list[str]] = {}
    for split, found in statistics.items():
        for image in found.images:
            places.setdefault(image.image_id, []).append(split)
    twice = [f"{name}: in {', '.join(where)}" for name, where in places.items() if len(where) > 1]
    if not twice:
        return []
    summary = f"{counted(len(twice), 'id')} more than once"
    return [Finding(ERROR, "repeated-ids", summary, tuple(twice), "keep each in one split")]


def _across_splits(pairs: Sequence[Pair]) -> list[Finding]:
    equal = [pair for pair in pairs if pair.equal]
    alike = [pair for pair in pairs if not pair.equal]
    findings = []
    if equal:
        lines = [
            f"{_named(p.second.split, p.second_id)} = {_named(p.first.split, p.first_id)}"
            for p in equal
        ]
        findings.append(
            Finding(
                ERROR,
                "duplicates",
                f"{counted(len(equal), 'image')} with the pixels of one in another split",
                tuple(lines),
                "what is evaluated must not be trained on: keep each in one split",
            )
        )
    if alike:
        lines = [
            f"{_named(p.second.split, p.second_id)} ~ {_named(p.first.split, p.first_id)}, "
            f"{p.distance} of 64 bits differ"
            for p in alike
        ]
        findings.append(
            Finding(
                ERROR,
                "near-duplicates",
                f"{counted(len(alike), 'image')} much like one in another split",
                shorten(lines),
                "look at the pairs on the page (--report). Where they show the same, keep one of "
                "them; where not, lower --duplicate-distance, or accept them with "
                "--allow near-duplicates",
            )
        )
    return findings


def _named(split: str, image_id: str) -> str:
    return f"{split} {image_id}"


def _single_class(statistics: Statistics, info: DatasetInfo | None) -> list[Finding]:
    if info is None or not statistics:
        return []
    pixels = np.sum([found.label_pixels for found in statistics.values()], axis=0)
    found = single_class(info, pixels.tolist())
    way_out = "--allow single-class accepts it, if ignored pixels and one class are all there is"
    return [Finding(ERROR, "single-class", found, way_out=way_out)] if found else []


def _absent_classes(statistics: Statistics, info: DatasetInfo | None) -> list[Finding]:
    training = [found for split, found in statistics.items() if split.startswith("train")]
    if info is None or not any(found.images for found in training):
        return []
    pixels = np.sum([found.label_pixels for found in training], axis=0)
    absent = [name for label, name in enumerate(info.class_names) if not pixels[label]]
    if not absent:
        return []
    summary = f"no training image shows {', '.join(absent)}"
    way_out = "a network cannot learn what it does not see; see whether the masks are read right"
    return [Finding(WARNING, "absent-classes", summary, way_out=way_out)]


def _unlabeled(statistics: Statistics, info: DatasetInfo | None) -> dict[str, list[str]]:
    if info is None or info.ignore_label is None:
        return {}
    label = info.ignore_label
    return {split: found.single_label.get(label, []) for split, found in statistics.items()}


def _repeated_images(found: SplitStatistics) -> list[str]:
    times = Counter(image.digest for image in found.images)
    first = {image.digest: image.image_id for image in reversed(found.images)}
    return [
        f"{image.image_id} (as {first[image.digest]})"
        for image in found.images
        if times[image.digest] > 1 and image.image_id != first[image.digest]
    ]


def _ids(
    statistics: Statistics, rule: str, what: str, ids: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """Returns a warning that names images by split, if there are any."""
    lines = tuple(
        f"{split}: {len(names)} of {len(statistics[split].images)}: {', '.join(shorten(names))}"
        for split, names in ids.items()
        if names
    )
    total = sum(map(len, ids.values()))
    return [Finding(WARNING, rule, f"{counted(total, 'image')} {what}", lines)] if lines else []
