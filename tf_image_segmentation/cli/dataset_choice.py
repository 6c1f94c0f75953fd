"""Which dataset a script reads: its name, its root, and how its masks store classes."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.datasets import Dataset, OpenDataset, dataset_names, get_dataset
from tf_image_segmentation.datasets.decode.mask_alpha import TRANSPARENT
from tf_image_segmentation.datasets.decode.mask_encodings import MASK_ENCODINGS
from tf_image_segmentation.datasets.detection import AUTO, detect_one
from tf_image_segmentation.datasets.registry import LayoutOption
from tf_image_segmentation.datasets.split_names import renamed
from tf_image_segmentation.datasets.stacks import all_pages


def add_dataset_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that `chosen_dataset` reads."""
    add = parser.add_argument
    names = ", ".join(dataset_names())
    add("name", metavar="NAME", help=f"{AUTO}, which finds the layout, or a dataset: {names}")
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
    meanings = ", ".join(f"{name} ({what})" for name, what in TRANSPARENT.items())
    add(
        "--transparent",
        choices=list(TRANSPARENT),
        help=f"what transparent pixels of masks are: {meanings}; None refuses those that keep a "
        "color",
    )
    add(
        "--rename-split",
        nargs="+",
        default=[],
        metavar="OLD=NEW",
        help="other names for splits; training looks for train and val",
    )
    for option in _layout_options():
        flag = f"--{option.name.replace('_', '-')}"
        add(flag, choices=option.choices, help=f"{option.help} ({_takers(option)})")


def _layout_options() -> Iterator[LayoutOption]:
    known = {o.name: o for name in dataset_names() for o in get_dataset(name).options}
    yield from known.values()


def _takers(option: LayoutOption) -> str:
    takers = [
        name
        for name in dataset_names()
        if option.name in {each.name for each in get_dataset(name).options}
    ]
    return f"for {', '.join(takers)}"


def chosen_dataset(arguments: argparse.Namespace) -> tuple[Dataset, OpenDataset]:
    """Returns the dataset, and what it is below its root.

    "auto" is replaced in the arguments by what is found, and said. One's own data is described
    without sizes of splits, because those that were found are no published ones to compare with.

    Raises:
        DataError: there is no such dataset, or its root is not as it must be.
    """
    if arguments.name == AUTO:
        detection = detect_one(arguments.root)
        arguments.name, arguments.root = detection.name, detection.root
        print(f"layout: {detection.name}, because {detection.reason}")
        print(f"command: {_conversion(arguments)}", flush=True)
    dataset = get_dataset(arguments.name)
    given = {option.name: getattr(arguments, option.name) for option in _layout_options()}
    options = {name: value for name, value in given.items() if value is not None}
    info, splits = dataset.open(arguments.root, **options)
    if dataset.fixed_info is None:
        info = replace(info, splits={}, name=_name_of_root(arguments.root, dataset.name))
    if arguments.rename_split:
        info = replace(info, splits={})
        splits = renamed(splits, arguments.rename_split)
    if arguments.dataset_name:
        info = replace(info, name=arguments.dataset_name)
    if arguments.mask_encoding is not None:
        info = replace(info, mask_encoding=arguments.mask_encoding)
    if arguments.pages == "all":
        splits = all_pages(splits)
    return dataset, OpenDataset(replace(info, transparent=arguments.transparent), splits)


def _conversion(arguments: argparse.Namespace) -> str:
    """Returns the command that converts, with the options that were given of how files are read."""
    root = arguments.root
    output = getattr(arguments, "output_dir", None) or Path(f"{root.resolve().stem}_records")
    words = [arguments.name, "--root", str(root), "--output-dir", str(output)]
    names = [option.name for option in _layout_options()]
    for name in ("mask_encoding", "transparent", "pages", "rename_split", *names):
        if value := getattr(arguments, name):
            flag = f"--{name.replace('_', '-')}"
            # With "=", because a value may begin with a hyphen.
            words += [f"{flag}={value}"] if isinstance(value, str) else [flag, *value]
    return f"{command_line.typed('convert_dataset')} {shlex.join(words)}"


def _name_of_root(root: Path, layout: str) -> str:
    """Returns "rooms" for "data/rooms" and "scans" for "scans.csv"."""
    path = root.resolve()
    name = path.stem if path.is_file() else path.name
    if not name or name in dataset_names():  # published results are not those of such a folder
        return f"{name}_{layout}".lstrip("_")
    return name
