"""Converts a dataset to files of records: a published one, or custom data.

The name auto finds out which layout custom data has; docs/reference/layouts.md has all of them.
With --split or --folds, images are divided first. For the union of PASCAL VOC 2012 and Berkeley SBD
use convert_pascal_voc.py, which has modes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.conversion import add_conversion_arguments, run_conversion
from tf_image_segmentation.cli.dataset_choice import add_dataset_arguments, chosen_dataset
from tf_image_segmentation.cli.splitting import (
    FOLDS_FILE,
    add_split_options,
    check_split_options,
    divided,
    folds_of,
    split_facts,
    write_folds,
)
from tf_image_segmentation.datasets.lists import check_ids
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError


def make_parser() -> command_line.Parser:
    """Returns the parser of this command."""
    parser = command_line.parser(__doc__)
    add_dataset_arguments(parser)
    parser.add_argument(
        "--splits", nargs="+", metavar="SPLIT", help="splits to convert; None converts all"
    )
    add_conversion_arguments(parser)
    add_split_options(parser)
    return parser


def list_split(splits: Mapping[str, Sequence[Sample]], split: str) -> Sequence[Sample]:
    """Returns the samples of one split; an error reminds of --splits."""
    try:
        return splits[split]
    except DataError as error:
        raise DataError(f"{error} (--splits chooses what to convert)") from error


def _check_output(arguments: argparse.Namespace) -> None:
    """Refuses an output that is there already, before all images are looked at."""
    command_line.load_tensorflow()
    from tf_image_segmentation.tfrecords.manifest import check_output

    names = [f"fold_{number + 1}" for number in range(arguments.folds or 0)] or ["."]
    for name in names:
        check_output(arguments.output_dir / name, arguments.overwrite)


def main() -> None:
    """Parses the command line and converts."""
    convert(make_parser().parse_args())


def convert(arguments: argparse.Namespace) -> None:
    """Converts as the options say, and prints what was written."""
    check_split_options(arguments)
    if arguments.split or arguments.folds:
        _check_output(arguments)
    _, (info, splits) = chosen_dataset(arguments)
    samples = {split: list_split(splits, split) for split in arguments.splits or splits}
    check_ids(samples)
    facts = split_facts(arguments)
    if arguments.folds is None:
        run_conversion(arguments, info, divided(arguments, info, samples), source=facts)
        return
    folds = folds_of(arguments, info, samples)
    folder = arguments.output_dir
    for name, of_fold in folds.items():
        arguments.output_dir = folder / name
        run_conversion(arguments, info, of_fold, source={**facts, "fold": name})
    write_folds(folder, folds, facts)
    print(f"wrote {folder / FOLDS_FILE}, which lists the images that each fold validates on")
