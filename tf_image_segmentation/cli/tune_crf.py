"""Searches for the dense CRF's parameters that suit a checkpoint and its images.

The network predicts each image once. Then parameter sets are tried on some of the images
(--images), a trial without CRF and one with the defaults among them, and the best is measured on
the others, too. All of it is in --output-dir: stopped at any moment, the same command goes on
where it was, and ends with best.json and the options for evaluate.py and predict.py.

--trials, --metric and --workers may be changed when going on.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.atomic import write_json
from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.options import add_records_options, opened_records
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import check_installed
from tf_image_segmentation.tuning import parameters
from tf_image_segmentation.tuning.parameters import RANGES, parse_ranges
from tf_image_segmentation.zoo.shipped import find_checkpoint


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--checkpoint", required=True, help="checkpoint prefix, .npz, or a folder: RUN/model/best")
    add_records_options(parser)
    add("--output-dir", type=Path, required=True, help="folder of the search")
    add("--scales", type=float, nargs="+", default=[1.0], help="sizes to average probabilities of")
    add("--flip", action="store_true", help="average with the prediction for the mirrored image")
    add("--trials", type=int, default=60, help="parameter sets to draw")
    add(
        "--range",
        nargs="+",
        default=[],
        metavar="NAME=LOW:HIGH",
        help="what they are drawn from, by logarithm; without, " + parameters.shown(RANGES),
    )
    add("--images", type=int, help="images to search on, evenly spaced; None takes all")
    add(
        "--metric",
        default="mean_iou",
        help="what the best set is best in: a single value, or the mean of what is "
        "measured for each class, such as mean_dice or mean_boundary_f1",
    )
    add("--seed", type=int, default=0, help="of the draws")
    add("--workers", type=int, default=os.cpu_count(), help="processes of the dense CRF")
    return parser.parse_args()


def check_numbers(args: argparse.Namespace) -> None:
    """Raises a DataError for a number that makes no sense."""
    for name in ("trials", "images", "workers"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise DataError(f"--{name} must be at least 1, got {value}")
    if args.seed < 0:
        raise DataError(f"--seed must be at least 0, got {args.seed}")


def prediction_options(args: argparse.Namespace) -> list[str]:
    """Returns the options that say how images are predicted, where they are not the default."""
    scales = ["--scales", *(f"{scale:g}" for scale in args.scales)]
    return (scales if args.scales != [1.0] else []) + (["--flip"] if args.flip else [])


@contextlib.contextmanager
def saying_how_to_go_on(folder: Path) -> Iterator[None]:
    """Says what a signal that ends the block leaves behind."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        print(f"{folder}: stopped before the end; the same command goes on", file=sys.stderr)
        raise


def main() -> None:
    """Parses the command line, predicts, searches and shows the result."""
    args = parse_arguments()
    args.checkpoint = find_checkpoint(args.checkpoint)
    check_numbers(args)
    ranges = parse_ranges(args.range)
    trials = parameters.draw_trials(ranges, args.trials, args.seed)

    command_line.load_tensorflow()
    from tf_image_segmentation.evaluation.counts import metric_of_scalar
    from tf_image_segmentation.inference.options import PredictionOptions
    from tf_image_segmentation.models.network import Network
    from tf_image_segmentation.reports.crf_search import print_report
    from tf_image_segmentation.tuning import predictions
    from tf_image_segmentation.tuning.search import (
        BEST_FILE,
        PREDICTIONS,
        Images,
        Result,
        open_search,
    )

    check_installed()
    try:
        options = PredictionOptions(scales=tuple(args.scales), flip=args.flip)
    except ValueError as error:
        raise DataError(f"--scales: {error}; try --scales 0.75 1 1.25") from error
    records, info = opened_records(args)
    metric_of_scalar(args.metric, info.num_classes)  # raises where there is none

    image_ids = predictions.checked_ids(records, info, options)
    images = Images.split(len(image_ids), args.images)
    folder = args.output_dir / PREDICTIONS
    files = {n: predictions.prediction_file(folder, n) for n in range(len(image_ids))}
    missing = {number for number, file in files.items() if not file.is_file()}
    network = None
    if missing:
        network = Network.from_checkpoint(args.checkpoint)
        info.check_model(network.num_classes, network.class_names)
    identity = {
        **predictions.checksums(args.checkpoint, records),
        **{name: getattr(args, name) for name in ("scales", "flip", "images", "seed")},
        "sets": parameters.shown(ranges),
    }
    with (
        open_search(args.output_dir, identity, info.num_classes, info.ignore_label) as search,
        saying_how_to_go_on(args.output_dir),
    ):
        if network is not None:
            predictions.predict(folder, missing, records, options, network)
        ranking = search.run(trials, images, args.metric, args.workers)
    result = Result(trials, ranking, search.scores, args.metric)
    print_report(result, prediction_options(args))
    searched = [image_ids[number] for number in images.searched]
    sources = {"checkpoint": args.checkpoint, "tfrecords": args.tfrecords, **identity}
    best = args.output_dir / BEST_FILE
    write_json(best, {**result.facts(), "searched_images": searched, "search": sources})
    print(f"wrote {best}")
