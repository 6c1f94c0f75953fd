"""Shows what files of records hold, checks them, and draws a sheet of images with their masks.

PATH is a folder that a conversion made, one record file, or a quoted pattern.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tf_image_segmentation.commands import command_line

if TYPE_CHECKING:
    from rich.table import Table

    from tf_image_segmentation.tfrecords.reader import Records

_REASONS = 10


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("path", type=Path, metavar="PATH", help="folder, record file or quoted pattern")
    add("--split", help="split of a folder; None shows all")
    add("--verify", action="store_true", help="decode every record, check its ids and SHA-256")
    add("--contact-sheet", type=Path, metavar="FILE.png", help="picture to draw")
    add("--num-images", type=int, default=24, help="images in the picture, from every file")
    add("--columns", type=int, default=6, help="images in a row of the picture")
    return parser.parse_args()


def open_splits(path: Path, split: str | None) -> dict[str, Records]:
    """Opens each split of a folder by itself; a file or pattern goes by its own name."""
    from tf_image_segmentation.tfrecords.reader import open_records

    records = open_records(path, split)
    if records.manifest is None or not path.is_dir():
        return {path.name: records}
    names = list(records.manifest.splits) if split is None else [split]
    return {name: open_records(path, name) for name in names}


def describe(name: str, records: Records) -> str:
    """Returns a few lines on one split: counts, what was skipped, what has no label."""
    megabytes = sum(file.stat().st_size for file in records.files) / 1e6
    text = (
        f"{name}: {records.num_examples} images in {len(records.files)} files, "
        f"{megabytes:.1f} MB, {records.schema} schema"
    )
    split = records.manifest.splits.get(name) if records.manifest else None
    if split is not None and split.all_void:
        text += f"\n  {len(split.all_void)} without a labelled pixel: {', '.join(split.all_void)}"
    if split is not None and split.skipped:
        reasons = list(split.skipped.values())
        shown = "".join(f"\n    {reason}" for reason in reasons[:_REASONS])
        text += f"\n  {len(reasons)} skipped:{shown}"
        if len(reasons) > _REASONS:
            text += f"\n    and {len(reasons) - _REASONS} more, all in the manifest"
    return text


def pixel_counts(name: str, records: Records, verify: bool) -> np.ndarray:
    """Returns pixels of each mask value, from the manifest or else by reading every record."""
    split = records.manifest.splits.get(name) if records.manifest else None
    if verify or split is None or records.info is None:
        return records.verify(progress=True)
    counts = np.zeros(256, np.int64)
    counts[: len(split.class_pixels)] = split.class_pixels
    if records.info.ignore_label is not None:
        counts[records.info.ignore_label] = split.ignored_pixels
    return counts


def pixel_table(records: Records, counts: np.ndarray) -> Table:
    """Returns a table of the pixels of each class, by name."""
    from rich.table import Table
    from rich.text import Text

    from tf_image_segmentation.visualization import class_name

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


def draw_contact_sheet(
    records_by_split: dict[str, Records], file: Path, num_images: int, columns: int
) -> None:
    """Writes a PNG of the first images of every file with their masks over them."""
    from PIL import Image

    from tf_image_segmentation import visualization

    # Some of every file: neighbours in a file may be frames of one video.
    all_files = [(r, shard) for r in records_by_split.values() for shard in range(len(r.files))]
    share = -(-num_images // len(all_files))
    tiles = []
    for records, shard in all_files[:num_images]:
        palette = records.info.palette if records.info else visualization.generic_palette(64)
        for image, mask, _ in itertools.islice(records.examples(shard), share):
            tiles.append(visualization.overlay(image, mask, palette))
    Image.fromarray(visualization.contact_sheet(tiles[:num_images], columns)).save(
        file, format="PNG"
    )


def main() -> None:
    """Parses the command line and prints; bad records end it with exit code 1."""
    arguments = parse_arguments()

    command_line.load_tensorflow()
    from rich.console import Console

    from tf_image_segmentation.errors import DataError

    console, faults = Console(), []
    records_by_split = open_splits(arguments.path, arguments.split)
    for name, records in records_by_split.items():
        print(describe(name, records))
        try:
            console.print(pixel_table(records, pixel_counts(name, records, arguments.verify)))
        except DataError as error:
            faults.append(str(error))
    if faults:
        raise DataError("\n".join(faults))
    if arguments.verify:
        print("verified: every record is whole")
    if arguments.contact_sheet is not None:
        draw_contact_sheet(
            records_by_split, arguments.contact_sheet, arguments.num_images, arguments.columns
        )
        print(f"drew {arguments.contact_sheet}")


if __name__ == "__main__":
    command_line.run(main)
