"""Shows what files of records hold, checks them, and draws a sheet of images with their masks.

PATH is a folder that a conversion made, one record file, or a quoted pattern. With --verify or
--report every record is decoded, and images that are in two splits, colors and sizes are checked
as well. All that is wrong is told at once, and then the exit code is 1.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.inspection import (
    add_inspection_options,
    check_outputs,
    print_findings,
    write_outputs,
)

if TYPE_CHECKING:
    from rich.table import Table

    from tf_image_segmentation.datasets.source import Source as DatasetSource
    from tf_image_segmentation.tfrecords.reader import Records

_REASONS = 10


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("path", type=Path, metavar="PATH", help="folder, record file or quoted pattern")
    add("--split", help="split of a folder; None shows all")
    add("--verify", action="store_true", help="decode every record, check its ids and SHA-256")
    add_inspection_options(parser)
    return parser.parse_args()


def open_splits(path: Path, split: str | None) -> tuple[dict[str, Records], dict[str, str]]:
    """Opens each split of a folder by itself; a file or pattern goes by its own name.

    Returns:
        Records by split, and why others cannot be opened by split.
    """
    from tf_image_segmentation.errors import DataError
    from tf_image_segmentation.tfrecords.manifest import Manifest
    from tf_image_segmentation.tfrecords.reader import open_records

    try:
        records = open_records(path, split)
        if records.manifest is None or split is not None or not path.is_dir():
            return {split or path.name: records}, {}
        names = list(records.manifest.splits)
    except DataError:
        if split is not None or not path.is_dir():
            raise
        names = list(Manifest.read(path).splits)
    opened, unopened = {}, {}
    for name in names:
        try:
            opened[name] = open_records(path, name)
        except DataError as error:
            unopened[name] = str(error)
    if not opened:
        raise DataError("\n".join(unopened.values()))
    return opened, unopened


def describe(name: str, records: Records) -> str:
    """Returns a few lines on one split: counts, what was skipped, what has no label."""
    megabytes = sum(file.stat().st_size for file in records.files) / 1e6
    text = (
        f"{name}: {records.num_examples} images in {len(records.files)} files, "
        f"{megabytes:.1f} MB, {records.schema} schema"
    )
    split = records.manifest.splits.get(name) if records.manifest else None
    if split is not None and split.all_void:
        text += f"\n  {len(split.all_void)} without a labeled pixel: {', '.join(split.all_void)}"
    if split is not None and split.skipped:
        reasons = list(split.skipped.values())
        shown = "".join(f"\n    {reason}" for reason in reasons[:_REASONS])
        text += f"\n  {len(reasons)} skipped:{shown}"
        if len(reasons) > _REASONS:
            text += f"\n    and {len(reasons) - _REASONS} more, all in the manifest"
    return text


def skipped_samples(records_by_split: dict[str, Records]) -> dict[str, int]:
    """Returns how many samples the conversion left out of each split."""
    return {
        name: len(records.manifest.splits[name].skipped)
        for name, records in records_by_split.items()
        if records.manifest is not None and name in records.manifest.splits
    }


def pixel_counts(name: str, records: Records) -> np.ndarray:
    """Returns pixels of each mask value, from the manifest or else by reading every record."""
    split = records.manifest.splits.get(name) if records.manifest else None
    if split is None or records.info is None:
        return records.verify(progress=True)
    return split.label_pixels(records.info)


def pixel_table(records: Records, counts: np.ndarray) -> Table:
    """Returns a table of the pixels of each class, by name."""
    from rich.table import Table
    from rich.text import Text

    from tf_image_segmentation.inference.visualization import class_name

    num_classes = records.info.num_classes if records.info else 0
    table = Table("id", "class", "pixels", "share")
    for column in (table.columns[0], *table.columns[2:]):
        column.justify = "right"
    for label in sorted({*range(num_classes), *np.flatnonzero(counts).tolist()}):
        share = f"{counts[label] / max(counts.sum(), 1):.2%}"
        # Text, because a name in brackets would be taken for markup.
        name = Text(class_name(records.info, label))
        table.add_row(str(label), name, f"{counts[label]:,}", share)
    return table


def dataset_source(records: Records) -> DatasetSource | None:
    """Returns where the dataset comes from, if it is a known one."""
    from tf_image_segmentation.datasets import dataset_names, get_dataset

    known = records.info is not None and records.info.name in dataset_names()
    return get_dataset(records.info.name).source if known and records.info else None


def main() -> int:
    """Parses the command line and prints; returns 1 if anything is wrong."""
    arguments = parse_arguments()
    check_outputs(arguments)

    command_line.load_tensorflow()
    from rich.console import Console

    from tf_image_segmentation.inspection.findings import allow, fault_findings, size_findings
    from tf_image_segmentation.inspection.inspection import inspect
    from tf_image_segmentation.inspection.record_source import RecordSource
    from tf_image_segmentation.inspection.tables import print_tables

    records_by_split, unopened = open_splits(arguments.path, arguments.split)
    source = RecordSource(records_by_split, unopened, progress=True)
    skipped = skipped_samples(records_by_split)
    inspection = None
    if arguments.verify or arguments.report is not None:
        inspection = inspect(
            source,
            max_distance=arguments.duplicate_distance,
            skipped=skipped,
            allowed=arguments.allow,
        )
    for name, records in records_by_split.items():
        print(describe(name, records))
        if inspection is None:
            Console().print(pixel_table(records, pixel_counts(name, records)))
    if inspection is None:
        published = {} if source.info is None else source.info.splits
        found = size_findings(published, source.listed, skipped, unopened)
        findings = allow([*fault_findings(source.unreadable), *found], arguments.allow)
    else:
        findings = inspection.findings
        print_tables(inspection)
        if inspection.is_whole:
            print("verified: every record is whole")
    first = next(iter(records_by_split.values()))
    write_outputs(arguments, source, inspection, dataset_source(first), arguments.path)
    return print_findings(findings)
