"""Downloads a known dataset, or says what to fetch by hand and where to put it.

An interrupted download goes on where it stopped when the script is run again, if the server allows
that; what is there already is left alone. At the end stand the commands that inspect and convert
the dataset. While no split of it is there, the exit code is 1.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.datasets import dataset_names, get_dataset
from tf_image_segmentation.datasets.table import markdown_table


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("name", metavar="NAME", nargs="?", help="dataset, one of: " + ", ".join(dataset_names()))
    add("--output-dir", type=Path, help="folder to fill, the dataset's root; None is data/NAME")
    add("--url", help="other address of the archive, where there is only one")
    add("--base-url", help="folder on a mirror that holds all archives")
    add("--list", action="store_true", help="print a table of all datasets")
    arguments = parser.parse_args()
    if arguments.name is None and not arguments.list:
        parser.error("name a dataset, or see them all with --list")
    return arguments


def main() -> int:
    """Parses the command line and downloads; returns 1 if no split is there then."""
    arguments = parse_arguments()
    if arguments.list:
        print(markdown_table())
        return 0

    from tf_image_segmentation.cli import dataset_download

    dataset = get_dataset(arguments.name)
    root = arguments.output_dir or Path("data", dataset.name)
    dataset_download.print_terms(dataset)
    dataset_download.get_files(dataset, root, arguments.url, arguments.base_url)
    return 0 if dataset_download.print_next_commands(dataset, root) else 1
