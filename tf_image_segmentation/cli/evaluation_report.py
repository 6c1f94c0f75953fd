"""The options of ``scripts/evaluate.py`` that write an evaluation as one HTML page."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.run_files import CONFIG_FILE, read_config

if TYPE_CHECKING:  # TensorFlow takes seconds to load, and --help should not wait for it
    from tf_image_segmentation.inference.stream import CrfWork
    from tf_image_segmentation.reports.evaluation_page import HtmlReport


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Adds --report and --report-images."""
    add = parser.add_argument
    add(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="page with metrics, confusions, accuracy near boundaries and the best and worst "
        "images, all in one file",
    )
    add(
        "--report-images",
        type=int,
        default=6,
        metavar="NUMBER",
        help="how many of the best and how many of the worst images it shows",
    )


def chosen_report(
    args: argparse.Namespace,
    facts: Mapping[str, Any],
    info: DatasetInfo,
    crf: CrfWork | None,
) -> HtmlReport | None:
    """Returns the report that shall observe the evaluation, or None.

    Args:
        args: the parsed command line.
        facts: model, checkpoint, split, number of images and options, as JSON types.
        info: the dataset.
        crf: what `chosen_prediction` returned.

    Raises:
        DataError: an option makes no sense, the page cannot be written, or the ``config.json`` of
            the checkpoint's run is damaged.
    """
    if args.report_images < 0:
        raise DataError(f"--report-images must be at least 0, got {args.report_images}")
    if args.report is None:
        return None
    from tf_image_segmentation.reports.evaluation_page import HtmlReport, ReportFacts
    from tf_image_segmentation.training.run_folder import environment

    parameters = None if crf is None else asdict(crf.parameters)
    tables: dict[str, Mapping[str, Any]] = {"Evaluation": {**facts, "crf": parameters}}
    run = run_of(Path(args.checkpoint))
    if run is not None:
        tables[f"Training, {run / CONFIG_FILE}"] = read_config(run)
    page_facts = ReportFacts(
        facts["model"], facts["checkpoint"], facts["split"], facts["images"], environment(), tables
    )
    return HtmlReport(args.report, page_facts, info, args.report_images)


def run_of(checkpoint: Path) -> Path | None:
    """Returns the folder of the run whose ``model`` folder holds a checkpoint, or None."""
    checkpoint = checkpoint.resolve()
    for folder in (checkpoint, *checkpoint.parents):
        if folder.name == "model" and (folder.parent / CONFIG_FILE).is_file():
            return folder.parent
    return None
