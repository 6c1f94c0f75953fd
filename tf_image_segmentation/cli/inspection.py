"""What the scripts that inspect data before and after a conversion share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tf_image_segmentation.datasets.source import Source as DatasetSource
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inspection.findings import ERROR, RULES, Finding
from tf_image_segmentation.inspection.perceptual_hash import DEFAULT_DISTANCE

if TYPE_CHECKING:
    from tf_image_segmentation.inspection.inspection import Inspection
    from tf_image_segmentation.inspection.source import Source


def add_inspection_options(parser: argparse.ArgumentParser) -> None:
    """Adds what to write, and what to take for wrong."""
    add = parser.add_argument
    add("--report", type=Path, metavar="FILE.html", help="page with all figures and pictures")
    add("--contact-sheet", type=Path, metavar="FILE.png", help="picture to draw")
    add("--num-images", type=int, default=24, help="images in the picture and on the page")
    add("--columns", type=int, default=6, help="images in a row of the picture")
    add(
        "--duplicate-distance",
        type=int,
        default=DEFAULT_DISTANCE,
        metavar="BITS",
        help="images of two splits are near-duplicates if at most so many of the 64 bits of their "
        "perceptual hashes differ; 0 finds the closest only, -1 none but equal pixels",
    )
    add(
        "--allow",
        nargs="+",
        default=[],
        choices=list(RULES),
        metavar="RULE",
        help="findings that are warnings only and do not change the exit code, some of: "
        + ", ".join(RULES),
    )


def check_outputs(arguments: argparse.Namespace) -> None:
    """Raises a `DataError` where an option makes no sense or the page cannot be written."""
    from tf_image_segmentation.reports.page_file import check_writable

    for option in ("num_images", "columns", "workers"):
        number = getattr(arguments, option, 1)
        if number < 1:
            raise DataError(f"--{option.replace('_', '-')} must be at least 1, got {number}")
    if arguments.report is not None:
        check_writable(arguments.report)


def write_outputs(
    arguments: argparse.Namespace,
    source: Source,
    inspection: Inspection | None,
    dataset_source: DatasetSource | None,
    where: Path,
) -> None:
    """Draws the contact sheet and writes the page, as far as asked for.

    Args:
        arguments: the parsed command line.
        source: what was inspected.
        inspection: what was found; the page needs it.
        dataset_source: where the dataset comes from, None where it is not known.
        where: the folder or file that was inspected.
    """
    from tf_image_segmentation.inspection.contact_sheet import write_contact_sheet

    if arguments.contact_sheet is None and arguments.report is None:
        return
    chosen = source.selection(arguments.num_images)
    examples = source.examples(chosen)
    shown = {place: examples[place] for place in chosen if place in examples}
    if arguments.contact_sheet is not None:
        few = list(shown.values())[: arguments.num_images]
        write_contact_sheet(arguments.contact_sheet, few, source.info, arguments.columns)
        print(f"drew {arguments.contact_sheet}")
    if arguments.report is not None and inspection is not None:
        from tf_image_segmentation.reports.inspection_page import write_inspection_page

        write_inspection_page(
            arguments.report, inspection, source, shown, dataset_source, str(where)
        )
        print(f"wrote {arguments.report}")


def print_findings(findings: list[Finding]) -> int:
    """Prints findings, errors to stderr and last; returns the exit code."""
    errors = [finding for finding in findings if finding.level == ERROR]
    for finding in findings:
        if finding not in errors:
            print(f"warning: {finding}")
    sys.stdout.flush()
    for finding in errors:
        print(f"error: {finding}", file=sys.stderr)
    return 1 if errors else 0
