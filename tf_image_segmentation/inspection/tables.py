"""What an inspection found, as tables for a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tf_image_segmentation.inference.visualization import class_name
from tf_image_segmentation.inspection.inspection import Inspection
from tf_image_segmentation.inspection.labels import labels_to_show
from tf_image_segmentation.inspection.statistics import VGG_MEAN

_CHANNELS = ("red", "green", "blue")


def print_tables(inspection: Inspection) -> None:
    """Prints splits, classes and colors."""
    console = Console()
    for table in (split_table(inspection), class_table(inspection), color_table(inspection)):
        console.print(table)


def split_table(inspection: Inspection) -> Table:
    """Returns a table of how many examples each split has, and of which sizes."""
    published = {} if inspection.info is None else inspection.info.splits
    table = _table("split", "listed", "published", "usable", "most frequent size", "sizes")
    for split, found in inspection.statistics.items():
        sizes = found.sizes.most_common(1)
        table.add_row(
            Text(split),
            str(inspection.listed[split]),
            str(published.get(split, "-")),
            str(len(found.images)),
            f"{sizes[0][0][0]} x {sizes[0][0][1]}" if sizes else "-",
            str(len(found.sizes)),
        )
    for split, size in published.items():
        if split not in inspection.statistics:
            table.add_row(Text(split), "-", str(size), "-", "-", "-")
    return table


def class_table(inspection: Inspection) -> Table:
    """Returns a table of the share of pixels and the number of images of each class and split."""
    statistics = inspection.statistics
    headings = [f"{split}: {what}" for split in statistics for what in ("pixels", "images")]
    table = _table("class", *headings)
    for label in labels_to_show(inspection.info, [s.label_pixels for s in statistics.values()]):
        cells = []
        for found in statistics.values():
            share = found.label_pixels[label] / max(found.label_pixels.sum(), 1)
            cells += [f"{share:.2%}", str(found.label_images[label])]
        # Text, because a name in brackets would be taken for markup.
        table.add_row(Text(class_name(inspection.info, label)), *cells)
    return table


def color_table(inspection: Inspection) -> Table:
    """Returns a table of mean and standard deviation of each channel."""
    table = _table("mean ± deviation, 0 to 255", *_CHANNELS)
    for split, found in inspection.statistics.items():
        if found.images:
            values = zip(found.color_means(), found.color_deviations(), strict=True)
            table.add_row(Text(split), *(f"{mean:.1f} ± {spread:.1f}" for mean, spread in values))
    table.add_row("mean of the models' inputs", *(f"{mean:.1f}" for mean in VGG_MEAN))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table()
    table.add_column(Text(first))
    for heading in others:
        table.add_column(Text(heading), justify="right")
    return table
