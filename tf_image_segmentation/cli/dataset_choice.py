"""Which dataset a script reads: its name, its root, and how its masks store classes."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from tf_image_segmentation.datasets import Dataset, OpenDataset, dataset_names, get_dataset
from tf_image_segmentation.datasets.decode.mask_encodings import MASK_ENCODINGS
from tf_image_segmentation.datasets.stacks import all_pages


def add_dataset_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that `chosen_dataset` reads."""
    add = parser.add_argument
    add("name", metavar="NAME", help="dataset, one of: " + ", ".join(dataset_names()))
    add("--root", type=Path, required=True, help="folder of the dataset; for csv also the CSV file")
    add(
        "--dataset-name",
        help="name that class maps and reports know it by; None takes NAME, and for one's own data "
        "the name of the root",
    )
    add(
        "--mask-encoding",
        choices=sorted(MASK_ENCODINGS),
        help="how masks store classes; None is as the dataset says",
    )
    add(
        "--pages",
        choices=("all",),
        help="take each page, frame or slice of a stack (TIFF, GIF, WebP, NIfTI) as an image of "
        "its own, such as scan_0003; None refuses stacks",
    )


def chosen_dataset(arguments: argparse.Namespace) -> tuple[Dataset, OpenDataset]:
    """Returns the dataset, and what it is below its root.

    One's own data is described without sizes of splits, because those that were found are no
    published ones to compare with.

    Raises:
        DataError: there is no such dataset, or its root is not as it must be.
    """
    dataset = get_dataset(arguments.name)
    info, splits = dataset.open(arguments.root)
    if dataset.fixed_info is None:
        info = replace(info, splits={}, name=_name_of_root(arguments.root, dataset.name))
    if arguments.dataset_name:
        info = replace(info, name=arguments.dataset_name)
    if arguments.mask_encoding is not None:
        info = replace(info, mask_encoding=arguments.mask_encoding)
    if arguments.pages == "all":
        splits = all_pages(splits)
    return dataset, OpenDataset(info, splits)


def _name_of_root(root: Path, layout: str) -> str:
    """Returns "rooms" for "data/rooms" and "scans" for "scans.csv"."""
    path = root.resolve()
    name = path.stem if path.is_file() else path.name
    if not name or name in dataset_names():  # published results are not those of such a folder
        return f"{name}_{layout}".lstrip("_")
    return name
