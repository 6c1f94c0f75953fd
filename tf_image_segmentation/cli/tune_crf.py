"""Searches for the dense CRF's parameters that suit a checkpoint and its images.

The network predicts each image once. Then parameter sets are tried on some of the images
(--images), a trial without CRF and one with the defaults among them, and the best is measured on
the others, too. All of it is in --output-dir: stopped at any moment, the same command goes on
where it was, and ends with best.json and the options for evaluate.py and predict.py.

--trials, --keep, --metric and --workers may be changed when going on.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import check_installed
from tf_image_segmentation.tuning import trials


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--checkpoint", required=True, help="checkpoint prefix, .npz, or a folder: RUN/model/best")
    add("--tfrecords", required=True, help="records: a folder, a file or a glob")
    add("--split", default="val", help="split of a folder of records")
    add("--dataset", help="registered dataset, for records without a manifest")
    add("--output-dir", type=Path, required=True, help="folder of the search")
    add("--scales", type=float, nargs="+", default=[1.0], help="sizes to average probabilities of")
    add("--flip", action="store_true", help="average with the prediction for the mirrored image")
    add("--search", choices=("random", "grid"), default="random", help="which sets are tried")
    add("--trials", type=int, default=60, help="sets of a random search")
    add(
        "--range",
        nargs="+",
        default=[],
        metavar="NAME=LOW:HIGH",
        help="of a random search, by logarithm; without, " + trials.shown(trials.RANGES, ":"),
    )
    add(
        "--values",
        nargs="+",
        default=[],
        metavar="NAME=A,B",
        help="of a grid; without, " + trials.shown(trials.VALUES, ","),
    )
    add("--images", type=int, help="images to search on, evenly spaced; None takes all")
    add(
        "--keep",
        type=float,
        default=0.33,
        help="share of the trials that go on from a ninth of these images to a third, and from "
        "there to all, though never fewer than ten; 1 lets all go on",
    )
    add("--metric", choices=trials.METRICS, default="mean_iou", help="what the best is best in")
    add("--seed", type=int, default=0, help="of the sets and of the order of images")
    add("--workers", type=int, default=os.cpu_count(), help="processes of the dense CRF")
    return parser.parse_args()


def check_numbers(args: argparse.Namespace) -> None:
    """Raises a DataError for a number that makes no sense."""
    for name in ("trials", "images", "workers"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise DataError(f"--{name} must be at least 1, got {value}")
    if not 0 < args.keep <= 1:
        raise DataError(f"--keep must be above 0 and at most 1, got {args.keep:g}")
    if args.seed < 0:
        raise DataError(f"--seed must be at least 0, got {args.seed}")


def chosen_trials(args: argparse.Namespace) -> tuple[list[trials.Trial], str]:
    """Returns the parameter sets, and what they are of in words."""
    if args.search == "grid":
        if args.range:
            raise DataError("--range is for --search random; a grid has --values")
        values = trials.parse_values(args.values)
        return trials.grid_trials(values), trials.shown(values, ",")
    if args.values:
        raise DataError("--values are for --search grid; a random search has --range")
    ranges = trials.parse_ranges(args.range)
    return trials.random_trials(ranges, args.trials, args.seed), trials.shown(ranges, ":")


def views_in_words(args: argparse.Namespace) -> list[str]:
    """Returns the options that say how the images are looked at, where they are not the default."""
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
    check_numbers(args)
    sets, sets_in_words = chosen_trials(args)

    command_line.load_tensorflow()
    from tf_image_segmentation.inference.options import PredictionOptions
    from tf_image_segmentation.models.network import Network
    from tf_image_segmentation.tfrecords.reader import open_records
    from tf_image_segmentation.tuning import cache, preparation, report
    from tf_image_segmentation.tuning.folder import PREDICTIONS, open_folder
    from tf_image_segmentation.tuning.search import search, split_images

    check_installed()
    try:
        options = PredictionOptions(scales=tuple(args.scales), flip=args.flip)
    except ValueError as error:
        raise DataError(f"--scales: {error}; try --scales 0.75 1 1.25") from error
    records = open_records(args.tfrecords, args.split)
    info = records.described_as(args.dataset)

    survey = preparation.survey(records, info, options)
    network = None
    if preparation.missing_files(args.output_dir / PREDICTIONS, len(survey.image_ids)):
        network = Network.from_checkpoint(args.checkpoint)
        info.check_model(network.num_classes, network.class_names)
    settings = {
        **{name: getattr(args, name) for name in ("scales", "flip", "search", "images", "seed")},
        "sets": sets_in_words,
    }
    identity = preparation.identity(args.checkpoint, records, survey, settings)
    parts = split_images(len(survey.image_ids), args.images, args.seed)
    with (
        open_folder(args.output_dir, identity, info.num_classes, info.ignore_label) as folder,
        saying_how_to_go_on(args.output_dir),
    ):
        needed = cache.cache_bytes(survey.pixels, info.num_classes)
        print(preparation.check_space(folder.predictions, needed))
        preparation.fill(folder.predictions, records, survey, options, network)
        result = search(folder, sets, parts, args.metric, args.keep, args.workers, progress=True)
        scores = report.compared_scores(result)
        report.print_report(result, scores, args.metric, views_in_words(args))
        facts = report.facts(result, scores, parts, survey.image_ids, args.metric)
        sources = {"checkpoint": args.checkpoint, "tfrecords": args.tfrecords, **identity}
        print(f"wrote {folder.write_best({**facts, 'search': sources})}")
