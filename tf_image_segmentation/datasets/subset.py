"""Parts of a dataset: listed images alone, and training images held out to validate on."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from tf_image_segmentation.datasets.lists import read_ids
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError

Splits = Mapping[str, Sequence[Sample]]


def listed_samples(splits: Splits, path: Path) -> dict[str, list[Sample]]:
    """Returns the samples whose ids a file lists, in their old order.

    A split of which nothing is listed is left out.

    Args:
        splits: samples of each split.
        path: file of one id a line.

    Raises:
        DataError: the file cannot be read, or lists an id that no split has.
    """
    wanted = set(read_ids(path))
    known = {sample.image_id for samples in splits.values() for sample in samples}
    if missing := sorted(wanted - known):
        raise DataError(
            f"{path}: lists {len(missing)} ids that the dataset does not have, such as "
            f"{', '.join(missing[:3])}; take them out"
        )
    chosen = {
        name: [sample for sample in samples if sample.image_id in wanted]
        for name, samples in splits.items()
    }
    return {name: samples for name, samples in chosen.items() if samples}


def with_held_out(splits: Splits, count: int, seed: int = 0) -> dict[str, list[Sample]]:
    """Returns the training images divided into "train" and "val"; what was "val" is left out.

    Settings are chosen on these images, so that the validation set says something about images that
    had no part in the choice.

    Args:
        splits: samples of each split, "train" among them.
        count: how many are held out.
        seed: decides which.

    Raises:
        DataError: there are not more training images than ``count``.
    """
    samples = splits["train"]
    if not 0 < count < len(samples):
        raise DataError(f"--hold-out must be from 1 to {len(samples) - 1}, got {count}")
    ids = sorted(sample.image_id for sample in samples)
    held_out = set(random.Random(seed).sample(ids, count))
    return {
        "train": [sample for sample in samples if sample.image_id not in held_out],
        "val": [sample for sample in samples if sample.image_id in held_out],
    }
