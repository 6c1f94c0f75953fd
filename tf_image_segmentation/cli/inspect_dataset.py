"""Shows what a dataset on disk holds, and what is wrong with it, before it is converted.

Every image and mask is read and checked as a conversion does. Splits and their sizes, missing and
broken files, ids and images that are in two splits, classes, sizes and colors: all that is wrong
is told at once, and then the exit code is 1.
"""

from __future__ import annotations

import argparse
import os

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.dataset_choice import add_dataset_arguments, chosen_dataset
from tf_image_segmentation.cli.inspection import (
    add_inspection_options,
    check_outputs,
    print_findings,
    write_outputs,
)
from tf_image_segmentation.cli.options import add_image_options, chosen_intensity_range


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add_dataset_arguments(parser)
    add = parser.add_argument
    add("--splits", nargs="+", metavar="SPLIT", help="splits to look at; None looks at all")
    add("--workers", type=int, default=os.cpu_count(), help="processes that read and check samples")
    add_image_options(parser)
    add_inspection_options(parser)
    return parser.parse_args()


def main() -> int:
    """Parses the command line, inspects and prints; returns 1 if anything is wrong."""
    arguments = parse_arguments()

    from tf_image_segmentation.inspection.inspection import inspect
    from tf_image_segmentation.inspection.sample_source import (
        ImageOptions,
        SampleSource,
        list_samples,
    )
    from tf_image_segmentation.inspection.tables import print_tables

    check_outputs(arguments)
    dataset, (info, splits) = chosen_dataset(arguments)
    samples, unlisted = list_samples(splits, arguments.splits or splits)
    options = ImageOptions(arguments.max_pixels, chosen_intensity_range(arguments))
    source = SampleSource(info, samples, unlisted, options, arguments.workers, progress=True)
    inspection = inspect(source, max_distance=arguments.duplicate_distance, allowed=arguments.allow)
    print_tables(inspection)
    write_outputs(arguments, source, inspection, dataset.source, arguments.root)
    return print_findings(inspection.findings)
