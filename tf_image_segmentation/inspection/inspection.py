"""Inspects a dataset: what is in it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.inspection.content_findings import content_findings
from tf_image_segmentation.inspection.findings import (
    Finding,
    allow,
    fault_findings,
    size_findings,
)
from tf_image_segmentation.inspection.measurement import Measurement
from tf_image_segmentation.inspection.near_duplicates import Pair, find_pairs
from tf_image_segmentation.inspection.perceptual_hash import DEFAULT_DISTANCE
from tf_image_segmentation.inspection.source import Source
from tf_image_segmentation.inspection.statistics import SplitStatistics


@dataclass(frozen=True)
class Inspection:
    """What was seen of a dataset.

    Attributes:
        info: the dataset, None for records that do not tell.
        listed: number of examples of each split, broken ones included.
        statistics: of the examples of each split that could be read.
        pairs: images that are like one of another split, see `find_pairs`.
        findings: what is wrong, errors first.
    """

    info: DatasetInfo | None
    listed: Mapping[str, int]
    statistics: Mapping[str, SplitStatistics]
    pairs: list[Pair]
    findings: list[Finding]

    @property
    def is_whole(self) -> bool:
        """Whether every listed example could be read."""
        return all(
            len(self.statistics[split].images) == listed for split, listed in self.listed.items()
        )


def inspect(
    source: Source,
    *,
    max_distance: int = DEFAULT_DISTANCE,
    skipped: Mapping[str, int] | None = None,
    allowed: Iterable[str] = (),
) -> Inspection:
    """Reads every example once and tells all that is wrong, at once.

    Args:
        source: the examples.
        max_distance: see `find_pairs`.
        skipped: number of samples that a conversion left out, by split.
        allowed: names of `findings.RULES` that are warnings for once.
    """
    statistics = {split: SplitStatistics() for split in source.listed}

    def observe(measured: Measurement) -> None:
        statistics[measured.position.split].update(measured)

    faults = source.measure(observe)
    pairs = find_pairs(statistics, max_distance)
    published = {} if source.info is None else source.info.splits
    findings = [
        *fault_findings(faults),
        *size_findings(
            published,
            source.listed,
            skipped or {},
            {fault.split for fault in faults if fault.rule == "unlisted"},
        ),
        *content_findings(statistics, pairs, source.info),
    ]
    return Inspection(source.info, source.listed, statistics, pairs, allow(findings, allowed))
