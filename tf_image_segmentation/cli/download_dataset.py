"""Downloads a known dataset, or says what to fetch by hand and where to put it.

An interrupted download goes on where it stopped when the script is run again, if the server allows
that; what is there already is left alone. At the end stand the commands that inspect and convert
the dataset. While no split of it is there, the exit code is 1.
"""

from __future__ import annotations

import argparse
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.datasets import dataset_names, get_dataset
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.registry import Dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.table import markdown_table
from tf_image_segmentation.errors import DataError


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

    dataset = get_dataset(arguments.name)
    root = arguments.output_dir or Path("data", dataset.name)
    print_terms(dataset)
    get_files(dataset, root, arguments.url, arguments.base_url)
    return 0 if print_next_commands(dataset, root) else 1


def print_terms(dataset: Dataset) -> None:
    """Prints name, home page, license and what to cite."""
    source = dataset.source
    fields = {"home page": source.home_page, "license": source.license, "cite": source.citation}
    print(dataset.name)
    for name, text in fields.items():
        if text:
            print(f"{name}: {text}")
    print(flush=True)


def get_files(dataset: Dataset, root: Path, url: str | None, base_url: str | None) -> None:
    """Downloads the archives of a dataset, or prints what to fetch and where to put it.

    Args:
        dataset: what to get.
        root: the folder to fill.
        url: other address of the only archive.
        base_url: address of a folder that holds all archives.

    Raises:
        DataError: an archive cannot be had, or ``url`` is given for several.
    """
    from tf_image_segmentation.download.fetching import mirror_url, obtain

    source = dataset.source
    if url is not None and len(source.archives) != 1:
        names = ", ".join(archive.name for archive in source.archives) or "none"
        raise DataError(
            f"--url is for datasets of one archive, and {dataset.name!r} has "
            f"{len(source.archives)} ({names}); use --base-url for a folder that holds them"
        )
    for archive in source.archives:
        address = mirror_url(archive, base_url) if base_url else url
        obtain(archive, root, address, mirror_option="--url URL or --base-url URL")
    if source.how_to_get or not source.archives:
        print(f"{source.how_to_get}\nThe root is {root}, and in it:")
        print(textwrap.indent(source.layout, "    "))


def print_next_commands(dataset: Dataset, root: Path) -> bool:
    """Prints what is there of each split, and the commands that inspect and convert it.

    Returns:
        Whether any split is there.
    """
    print()
    try:
        splits = dataset.open(root).splits
    except DataError as error:
        print(f"not there yet: {error}")
        return False
    found = [split for split in splits if _print_split(splits, split)]
    if not found:
        return False
    chosen = ["--splits", *found] if len(found) < len(splits) else []
    # The root may well be data/<name>, where its files and the records would be mixed up.
    records = root.with_name(f"{root.name}_records")
    commands: dict[str, list[object]] = {
        "Inspect it": ["inspect_dataset", dataset.name, "--root", root, *chosen],
        "Convert it": [
            *("convert_dataset", dataset.name, "--root", root, *chosen),
            *("--output-dir", records),
        ],
    }
    for title, (command, *words) in commands.items():
        print(f"\n{title}:\n{command_line.typed(str(command))} {shlex.join(map(str, words))}")
    return True


def _print_split(splits: Mapping[str, Sequence[Sample]], split: str) -> bool:
    """Prints how many samples a split has; returns whether any of them has its files."""
    try:
        samples = splits[split]
    except DataError as error:
        print(f"{split}: not there: {error}")
        return False
    missing = missing_files(samples)
    lacking = f", {len(missing)} of them without a file" if missing else ""
    print(f"{split}: {len(samples)} samples{lacking}")
    return len(missing) < len(samples)
