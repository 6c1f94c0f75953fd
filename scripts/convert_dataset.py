"""Converts a data set to files of records: a known one, or one's own.

One's own is a folder of images and masks (folder), a list of pairs (csv), or annotations of LabelMe
(labelme) or COCO (coco); docs/your_own_data.md has their layouts. For the union of PASCAL VOC 2012
and Berkeley SBD use convert_pascal_voc.py, which has modes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from tf_image_segmentation.commands import command_line
from tf_image_segmentation.commands.conversion import add_conversion_arguments, run_conversion
from tf_image_segmentation.datasets import Dataset, dataset_names, get_dataset
from tf_image_segmentation.datasets.dataset import Sample
from tf_image_segmentation.datasets.mask_encodings import MASK_ENCODINGS
from tf_image_segmentation.errors import DataError


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("name", metavar="NAME", help="data set, one of: " + ", ".join(dataset_names()))
    add(
        "--root", type=Path, required=True, help="folder of the data set; for csv also the CSV file"
    )
    add("--splits", nargs="+", metavar="SPLIT", help="splits to convert; None converts all")
    add(
        "--mask-encoding",
        choices=sorted(MASK_ENCODINGS),
        help="how masks store classes; None is as the data set says",
    )
    add_conversion_arguments(parser)
    return parser.parse_args()


def read_samples(dataset: Dataset, root: Path, split: str) -> list[Sample]:
    """Returns the samples of one split; an error reminds of --splits."""
    try:
        return list(dataset.samples(root, split))
    except DataError as error:
        raise DataError(f"{error} (--splits chooses what to convert)") from error


def main() -> None:
    """Parses the command line and converts."""
    arguments = parse_arguments()
    dataset = get_dataset(arguments.name)
    info = dataset.describe(arguments.root)
    if arguments.mask_encoding is not None:
        info = replace(info, mask_encoding=arguments.mask_encoding)
    splits = arguments.splits or list(info.splits)
    if dataset.fixed_info is None:  # sizes that were found are no published ones to compare with
        info = replace(info, splits={})
    samples = {split: read_samples(dataset, arguments.root, split) for split in splits}
    run_conversion(arguments, info, samples, source={})


if __name__ == "__main__":
    command_line.run(main)
