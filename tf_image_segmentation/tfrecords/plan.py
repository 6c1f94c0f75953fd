"""What a conversion is going to write, in which order, and what can be refused beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tf_image_segmentation.datasets.lists import check_disjoint, missing_files
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError

SKIP_BAD_HINT = "mend them, or leave them out (--skip-bad)"


@dataclass(frozen=True)
class Plan:
    """The samples to convert, by split and in their final order, and why others are left out."""

    samples: Mapping[str, Sequence[Sample]]
    skipped: Mapping[str, Mapping[str, str]]

    @property
    def all_samples(self) -> list[Sample]:
        """The samples of all splits, one split after the other."""
        return [sample for samples in self.samples.values() for sample in samples]


def plan_conversion(
    samples_by_split: Mapping[str, Sequence[Sample]], skip_bad: bool, shuffle_seed: int
) -> Plan:
    """Checks that all files exist and that ids are unique, and puts training samples into order.

    Raises:
        DataError: an id occurs twice, a split is empty, or files are missing (all are listed)
            and ``skip_bad`` is not set.
    """
    _check_names(samples_by_split)
    check_disjoint(
        {name: [s.image_id for s in samples] for name, samples in samples_by_split.items()}
    )
    missing = {name: missing_files(samples) for name, samples in samples_by_split.items()}
    reasons = [reason for by_id in missing.values() for reason in by_id.values()]
    if reasons and not skip_bad:
        # The way out comes last, because the list may be longer than a screen.
        lines = "\n  ".join(reasons)
        raise DataError(f"files of {len(reasons)} samples are missing:\n  {lines}\n{SKIP_BAD_HINT}")
    kept = {
        name: [sample for sample in samples if sample.image_id not in missing[name]]
        for name, samples in samples_by_split.items()
    }
    for name, samples in kept.items():
        check_not_empty(name, len(samples), missing[name])
    ordered = {name: _in_order(name, samples, shuffle_seed) for name, samples in kept.items()}
    return Plan(ordered, missing)


def _check_names(samples_by_split: Mapping[str, Sequence[Sample]]) -> None:
    for samples in samples_by_split.values():
        for sample in samples:
            try:
                sample.image_id.encode()
            except UnicodeEncodeError as error:
                raise DataError(
                    f"{sample.image_id!r}: the name is not valid UTF-8; rename the file"
                ) from error


def check_not_empty(split: str, num_examples: int, skipped: Mapping[str, str]) -> None:
    """Raises a `DataError` for a split without a usable sample."""
    if num_examples == 0:
        reasons = "".join(f"\n  {reason}" for reason in list(skipped.values())[:10])
        raise DataError(
            f"split {split!r} has no usable sample ({len(skipped)} bad ones); check the "
            f"folder, the list of ids and the name of the split{reasons}"
        )


def chunks(samples: Sequence[Sample], num_chunks: int) -> list[Sequence[Sample]]:
    """Cuts samples into contiguous chunks of nearly equal length, none of them empty."""
    num_chunks = min(num_chunks, len(samples))
    bounds = [len(samples) * number // num_chunks for number in range(num_chunks + 1)]
    return [samples[start:end] for start, end in pairwise(bounds)]


def _in_order(split: str, samples: Sequence[Sample], seed: int) -> list[Sample]:
    if not split.startswith("train"):
        return list(samples)

    # Random generators may change between library versions; a hash does not.
    def key(sample: Sample) -> str:
        return hashlib.sha256(f"{seed}:{sample.image_id}".encode()).hexdigest()

    return sorted(samples, key=key)
