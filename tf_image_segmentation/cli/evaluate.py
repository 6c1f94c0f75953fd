"""Evaluates a checkpoint on records: every image at its own size, one confusion matrix for all.

Prints pixel accuracy, mean pixel accuracy, mean IoU and frequency weighted IoU, and the IoU and
accuracy of each class. With --output-dir it also writes metrics.json and confusion_matrix.png, with
--report all of it and the best and worst images as one HTML page.
"""

from __future__ import annotations

from pathlib import Path

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.evaluation_report import add_report_options, chosen_report
from tf_image_segmentation.cli.options import add_checkpoint_options
from tf_image_segmentation.cli.prediction import (
    add_prediction_options,
    chosen_prediction,
    prediction_facts,
)
from tf_image_segmentation.errors import DataError


def main() -> None:
    """Parses the command line and evaluates."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add_checkpoint_options(parser)
    add("--tfrecords", required=True, help="records: a folder, a file or a glob")
    add("--split", default="val", help="split of a folder of records")
    add_prediction_options(parser)
    add("--dataset", help="registered dataset, for records without a manifest")
    add("--output-dir", type=Path, help="folder for metrics.json and confusion_matrix.png")
    add_report_options(parser)
    args = parser.parse_args()

    command_line.load_tensorflow()
    from tf_image_segmentation.evaluation import summary as report
    from tf_image_segmentation.evaluation.evaluate import evaluate
    from tf_image_segmentation.models.network import Network
    from tf_image_segmentation.tfrecords.reader import open_records

    if args.output_dir is not None and args.output_dir.exists() and not args.output_dir.is_dir():
        raise DataError(f"{args.output_dir}: is a file; name a folder with --output-dir")
    views, crf = chosen_prediction(args)
    records = open_records(args.tfrecords, args.split)
    info = records.described_as(args.dataset)
    network = Network.from_checkpoint(args.checkpoint, args.model)
    info.check_model(network.num_classes, network.class_names)
    facts = {
        "model": network.model_name,
        "checkpoint": args.checkpoint,
        "dataset": info.name,
        "tfrecords": args.tfrecords,
        # Files and patterns have no splits.
        "split": args.split if Path(args.tfrecords).is_dir() else None,
        "images": records.num_examples,
        **prediction_facts(args),
    }
    page = chosen_report(args, facts, info, crf)
    observe = None if page is None else page.observe
    evaluation = evaluate(
        network, records, info.ignore_label, views, crf, progress=True, observe=observe
    )
    matrix, name = evaluation.refined, network.model_name
    rows = {name: evaluation.matrix.metrics()}
    before_crf = {}
    if crf is not None:
        before_crf = {"metrics_without_crf": rows[name].to_json()}
        rows[f"{name} + CRF"] = matrix.metrics()
    report.print_report(rows, info.class_names)
    if args.output_dir is not None:
        args.output_dir.mkdir(parents=True, exist_ok=True)
        facts |= before_crf
        report.save_metrics(args.output_dir / "metrics.json", matrix, info.class_names, **facts)
        figure = report.confusion_figure(matrix, info.class_names)
        figure.savefig(args.output_dir / "confusion_matrix.png")
        print(f"wrote {args.output_dir}/metrics.json and confusion_matrix.png")
    if page is not None:
        page.write(evaluation)
        print(f"wrote {args.report}")
