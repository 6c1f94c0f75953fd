"""Options of a conversion that divide a dataset: --split, --folds, --group."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tf_image_segmentation.atomic import write_text
from tf_image_segmentation.cli.options import chosen_intensity_range
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.split_names import NAMES
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inspection.perceptual_hash import DEFAULT_DISTANCE

FOLDS_FILE = "folds.json"
_MOST_FOLDS = 20

Splits = Mapping[str, Sequence[Sample]]


def add_split_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that `divided` and `folds_of` read."""
    add = parser.add_argument
    add(
        "--split",
        metavar="80/20",
        help="divide the images into train and val, or with a third share test: every class in its "
        "share, near-duplicates on one side, numbered frames in blocks; None keeps the splits",
    )
    add(
        "--folds",
        type=int,
        metavar="K",
        help="divide into K parts in the same way, and write a folder of records for each, fold_1 "
        "and so on, in which it is val and the others are train; None writes one folder",
    )
    add(
        "--group",
        metavar="REGEX",
        help="images in whose ids this finds the same stay on one side, for patients or videos: "
        "'^[^_]+' is what stands before the first _; None looks for numbered frames",
    )
    add("--split-seed", type=int, default=0, help="decides how --split and --folds divide")
    add(
        "--duplicate-distance",
        type=int,
        default=DEFAULT_DISTANCE,
        metavar="BITS",
        help="see inspect_dataset; -1 keeps only images of equal pixels together",
    )


def check_split_options(arguments: argparse.Namespace) -> None:
    """Raises a `DataError` where the options do not fit together."""
    if arguments.split is not None and arguments.folds is not None:
        raise DataError("--split and --folds exclude each other; choose one")
    if arguments.folds is not None and not 2 <= arguments.folds <= _MOST_FOLDS:
        raise DataError(f"--folds must be 2 to {_MOST_FOLDS}, got {arguments.folds}")
    if arguments.group is not None and arguments.split is None and arguments.folds is None:
        raise DataError("--group says what --split or --folds keep together; add one of them")
    if arguments.split is not None:
        parse_shares(arguments.split)


def parse_shares(text: str) -> list[float]:
    """Returns the shares that "80/20" means: two or three numbers that add up to 100 or 1.

    Raises:
        DataError: it is no such text.
    """
    try:
        shares = [float(part) for part in text.split("/")]
    except ValueError:
        shares = []
    total = sum(shares)
    fits = abs(total - 100) < 1e-6 or abs(total - 1) < 1e-6
    if len(shares) not in (2, 3) or not fits or not all(share > 0 for share in shares):
        raise DataError(f"--split {text}: write shares of 100, such as 80/20 or 70/15/15")
    return [share / total for share in shares]


def divided(arguments: argparse.Namespace, info: DatasetInfo, splits: Splits) -> Splits:
    """Returns the splits that --split asks for; the given ones without it.

    Raises:
        DataError: there is a val split already, or too little to divide.
    """
    if arguments.split is None:
        return splits
    shares = parse_shares(arguments.split)
    kept = {"test": splits["test"]} if "test" in splits and len(shares) == 2 else {}
    others = [name for name in splits if name not in kept]
    if len(others) > 1:
        raise DataError(
            f"--split would mix the splits {', '.join(others)}; choose one to divide with "
            "--splits, such as --splits train"
        )
    parts = _divide(arguments, info, splits[others[0]], shares)
    return {**dict(zip(NAMES, parts, strict=False)), **kept}


def folds_of(arguments: argparse.Namespace, info: DatasetInfo, splits: Splits) -> dict[str, Splits]:
    """Returns the splits of each fold by the name of its folder; test is in all of them."""
    count = arguments.folds
    kept = {"test": splits["test"]} if "test" in splits else {}
    samples = [sample for name in splits if name not in kept for sample in splits[name]]
    parts = _divide(arguments, info, samples, [1 / count] * count)
    return {
        f"fold_{number + 1}": {
            "train": [s for other, part in enumerate(parts) if other != number for s in part],
            "val": parts[number],
            **kept,
        }
        for number in range(count)
    }


def write_folds(folder: Path, folds: Mapping[str, Splits], facts: Mapping[str, Any]) -> None:
    """Writes which images each fold validates on, for whoever sums them up."""
    content = {
        **facts,
        "folds": {name: [s.image_id for s in splits["val"]] for name, splits in folds.items()},
    }
    write_text(folder / FOLDS_FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def split_facts(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns how images were divided, for the manifest."""
    if arguments.split is None and arguments.folds is None:
        return {}
    names = ("split", "folds", "split_seed", "group", "duplicate_distance")
    chosen = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in chosen.items() if value is not None}


def _divide(
    arguments: argparse.Namespace,
    info: DatasetInfo,
    samples: Sequence[Sample],
    shares: Sequence[float],
) -> list[list[Sample]]:
    from tf_image_segmentation.inspection.sample_source import ImageOptions
    from tf_image_segmentation.inspection.splitting import SplitOptions, divide

    options = SplitOptions(
        shares,
        arguments.split_seed,
        arguments.group,
        arguments.duplicate_distance,
        ImageOptions(arguments.max_pixels, chosen_intensity_range(arguments)),
        arguments.workers,
    )
    return divide(info, samples, options, progress=arguments.progress)
