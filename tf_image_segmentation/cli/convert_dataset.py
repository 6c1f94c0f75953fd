"""Converts a dataset to files of records: a known one, or one's own.

One's own is a folder of images and masks (folder), a list of pairs (csv), or annotations of LabelMe
(labelme) or COCO (coco); docs/your_own_data.md has their layouts. For the union of PASCAL VOC 2012
and Berkeley SBD use convert_pascal_voc.py, which has modes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.conversion import add_conversion_arguments, run_conversion
from tf_image_segmentation.cli.dataset_choice import add_dataset_arguments, chosen_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add_dataset_arguments(parser)
    parser.add_argument(
        "--splits", nargs="+", metavar="SPLIT", help="splits to convert; None converts all"
    )
    add_conversion_arguments(parser)
    return parser.parse_args()


def list_split(splits: Mapping[str, Sequence[Sample]], split: str) -> Sequence[Sample]:
    """Returns the samples of one split; an error reminds of --splits."""
    try:
        return splits[split]
    except DataError as error:
        raise DataError(f"{error} (--splits chooses what to convert)") from error


def main() -> None:
    """Parses the command line and converts."""
    arguments = parse_arguments()
    _, (info, splits) = chosen_dataset(arguments)
    samples = {split: list_split(splits, split) for split in arguments.splits or splits}
    run_conversion(arguments, info, samples, source={})
