"""Evaluates a checkpoint on records: every image at its own size, one confusion matrix for all.

Prints pixel accuracy, mean pixel accuracy, mean IoU and frequency weighted IoU, and the IoU and
accuracy of each class. With --output-dir it also writes metrics.json, confusion_matrix.png and
per_image.csv, with --report all of it and the best and worst images as one HTML page.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.options import (
    add_checkpoint_options,
    add_metrics_option,
    add_prediction_options,
    add_records_options,
    chosen_checkpoint,
    chosen_metrics,
    chosen_prediction,
    opened_records,
    prediction_facts,
)
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.registry import Part
from tf_image_segmentation.training.run_files import CONFIG_FILE, read_config, run_of

if TYPE_CHECKING:  # TensorFlow takes seconds to load, and --help should not wait for it
    from tf_image_segmentation.models.threshold import Threshold
    from tf_image_segmentation.reports.evaluation_page import HtmlReport


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add_checkpoint_options(parser)
    add_records_options(parser)
    add_prediction_options(parser)
    add_metrics_option(parser)
    add("--output-dir", type=Path, help="folder for metrics.json and the like")
    add(
        "--spacing",
        nargs=2,
        type=float,
        metavar=("HEIGHT", "WIDTH"),
        help="size of a pixel, in mm for example, for the 95%% Hausdorff distance of each class; "
        "1 1 gives pixels, None leaves it out",
    )
    add(
        "--cases",
        metavar="REGEX",
        help="images whose ids agree in the first group are one case, such as '(.+)_\\d+' for the "
        "slices of patient7_0003; None makes each image a case",
    )
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
    return parser.parse_args()


def main() -> None:
    """Parses the command line and evaluates."""
    args = parse_arguments()
    args.checkpoint = chosen_checkpoint(args)
    command_line.load_tensorflow()
    from tf_image_segmentation.evaluation import summary
    from tf_image_segmentation.evaluation.case_table import print_cases
    from tf_image_segmentation.evaluation.cases import PER_IMAGE_FILE, Cases
    from tf_image_segmentation.evaluation.evaluate import Prediction, evaluate
    from tf_image_segmentation.models.network import Network

    if args.output_dir is not None and args.output_dir.exists() and not args.output_dir.is_dir():
        raise DataError(f"{args.output_dir}: is a file; name a folder with --output-dir")
    options = chosen_prediction(args)
    records, info = opened_records(args)
    metrics = chosen_metrics(args, info.num_classes)
    network = Network.from_checkpoint(args.checkpoint, args.model)
    info.check_model(network.num_classes, network.class_names)
    options = options.for_model(network.spec.size_divisor)
    facts = {
        "model": network.model_name,
        "checkpoint": args.checkpoint,
        "dataset": info.name,
        "tfrecords": args.tfrecords,
        # Files and patterns have no splits.
        "split": args.split if Path(args.tfrecords).is_dir() else None,
        "images": records.num_examples,
        **prediction_facts(args, options),
        "threshold": msgspec.to_builtins(network.threshold),
    }
    page = chosen_report(args, facts, info, options, metrics)
    cases = Cases(info, args.spacing and tuple(args.spacing), args.cases)

    def observe(prediction: Prediction) -> None:
        cases.observe(prediction)
        if page is not None:
            page.observe(prediction)

    evaluation = evaluate(
        network,
        records,
        info.ignore_label,
        options,
        progress=True,
        observe=observe,
        metrics=metrics,
    )
    matrix, name = evaluation.refined, network.model_name
    results = evaluation.refined_results(metrics)
    rows = {name: evaluation.results(metrics)}
    if options.crf is not None:
        facts["metrics_without_crf"] = summary.metrics_to_json(evaluation.matrix, rows[name])
        rows[f"{name} + CRF"] = results
    summary.print_report(rows, matrix, info.class_names)
    print_cases(cases, info.class_names, by_class=bool(args.spacing or args.cases))
    if network.threshold is not None:
        print(said(network.threshold, info.class_names))
    if args.output_dir is not None:
        args.output_dir.mkdir(parents=True, exist_ok=True)
        path = args.output_dir / "metrics.json"
        facts["cases"] = cases.to_json()
        summary.save_metrics(path, matrix, results, info.class_names, **facts)
        cases.write_csv(args.output_dir / PER_IMAGE_FILE)
        figure = summary.confusion_figure(matrix, info.class_names)
        figure.savefig(args.output_dir / "confusion_matrix.png")
        print(f"wrote {args.output_dir}/metrics.json, confusion_matrix.png and {PER_IMAGE_FILE}")
    if page is not None:
        page.write(evaluation, cases)
        print(f"wrote {args.report}")


def said(threshold: Threshold, class_names: Sequence[str]) -> str:
    """Returns from which probability on a pixel is of a class, in words."""
    reason = f" ({threshold.chosen_on})" if threshold.chosen_on else ""
    return f"{class_names[threshold.label]} begins at probability {threshold.probability:g}{reason}"


def chosen_report(
    args: argparse.Namespace,
    facts: Mapping[str, Any],
    info: DatasetInfo,
    options: PredictionOptions,
    metrics: Sequence[Part],
) -> HtmlReport | None:
    """Returns the report that shall observe the evaluation, or None.

    Args:
        args: the parsed command line.
        facts: model, checkpoint, split, number of images and options, as JSON types.
        info: the dataset.
        options: how images are predicted.
        metrics: what the page shows beside IoU and accuracies.

    Raises:
        DataError: an option makes no sense, the page cannot be written, or the ``config.json`` of
            the checkpoint's run is damaged.
    """
    if args.report_images < 0:
        raise DataError(f"--report-images must be at least 0, got {args.report_images}")
    if args.report is None:
        return None
    from tf_image_segmentation.reports.evaluation_page import HtmlReport

    parameters = None if options.crf is None else asdict(options.crf)
    run = run_of(Path(args.checkpoint))
    tables = {} if run is None else {f"Training, {run / CONFIG_FILE}": read_config(run)}
    shown = {**facts, "crf": parameters}
    return HtmlReport(args.report, shown, info, args.report_images, metrics, tables)
