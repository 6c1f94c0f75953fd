"""Evaluates several checkpoints on the same records: one table, and one picture side by side."""

from __future__ import annotations

from pathlib import Path

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.options import (
    add_metrics_option,
    add_prediction_options,
    add_records_options,
    chosen_metrics,
    chosen_prediction,
    opened_records,
)
from tf_image_segmentation.zoo.shipped import find_checkpoint


def main() -> None:
    """Parses the command line, evaluates each checkpoint and prints the table."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("checkpoints", nargs="+", metavar="CHECKPOINT", help="checkpoints, such as RUN/model/best")
    add_records_options(parser)
    add_prediction_options(parser)
    add_metrics_option(parser)
    add("--picture", type=Path, metavar="FILE.png", help="image, truth and predictions in rows")
    add("--num-images", type=int, default=8, help="rows of the picture")
    args = parser.parse_args()

    command_line.load_tensorflow()
    from PIL import Image
    from rich.console import Console

    from tf_image_segmentation.evaluation.compare import compare
    from tf_image_segmentation.evaluation.summary import summary_table
    from tf_image_segmentation.models.network import Network

    options = chosen_prediction(args)
    records, info = opened_records(args)
    metrics = chosen_metrics(args, info.num_classes)
    networks = {}
    for checkpoint in args.checkpoints:
        network = Network.from_checkpoint(find_checkpoint(checkpoint))
        info.check_model(network.num_classes, network.class_names)
        options.for_model(network.spec.size_divisor)
        # Two checkpoints of one model are told apart by their paths.
        name = network.model_name
        networks[name if name not in networks else f"{name} ({checkpoint})"] = network
    num_images = 0 if args.picture is None else args.num_images
    comparison = compare(networks, records, info, options, num_images, metrics)
    Console(highlight=False, markup=False).print(summary_table(comparison.metrics))
    if args.picture is not None:
        Image.fromarray(comparison.picture()).save(args.picture)
        print(f"drew {args.picture}")
