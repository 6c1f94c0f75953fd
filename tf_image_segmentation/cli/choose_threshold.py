"""Chooses the decision threshold of a model of two classes, and keeps it with the checkpoint.

Without one, a pixel is of the more probable class. Where a class is rare or thin, such as vessels,
another probability than 0.5 often gives a higher Dice coefficient. It is chosen on images that
were held out of training (convert_dataset.py --split 80/20), never on test images, and stored in
the JSON beside the checkpoint. predict.py, evaluate.py, export_model.py and pack_model.py follow
it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tf_image_segmentation.atomic import write_json
from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.options import (
    add_checkpoint_options,
    add_prediction_options,
    add_records_options,
    chosen_checkpoint,
    chosen_prediction,
    opened_records,
)
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose
from tf_image_segmentation.structs import read_json
from tf_image_segmentation.training.run_files import read_config, run_of

if TYPE_CHECKING:  # TensorFlow takes seconds to load, and --help should not wait for it
    from tf_image_segmentation.tfrecords.reader import Records


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add_checkpoint_options(parser)
    add_records_options(parser)
    add("--class", dest="class_name", metavar="NAME", help="whose probability; None: the second")
    add(
        "--metric",
        default="dice",
        help="what shall be highest: one that the confusion matrix gives, of the class where it "
        "has a value for each, such as dice or mean_iou",
    )
    add(
        "--save-to",
        nargs="+",
        default=[],
        metavar="CHECKPOINT",
        help="checkpoints that get the threshold instead, such as one trained on all images",
    )
    add_prediction_options(parser)
    return parser.parse_args()


def main() -> None:
    """Parses the command line, chooses and stores."""
    args = parse_arguments()
    checkpoint = chosen_checkpoint(args)
    check_purpose(args)
    command_line.load_tensorflow()
    from tf_image_segmentation.evaluation.metrics import parse_metrics
    from tf_image_segmentation.evaluation.threshold import best_threshold, count_probabilities
    from tf_image_segmentation.models.network import Network

    (metric,) = parse_metrics([args.metric])
    options = replace(chosen_prediction(args), probabilities=True)
    targets = {path: read_fields(path) for path in args.save_to or [checkpoint]}
    records, info = opened_records(args)
    network = Network.from_checkpoint(checkpoint, args.model)
    info.check_model(network.num_classes, network.class_names)
    label = chosen_class(args.class_name, info.class_names)
    refuse_training_images(checkpoint, records)
    counts = count_probabilities(network, records, label, info.ignore_label, options, progress=True)
    values = counts.values(metric)
    probability = best_threshold(values)
    best, plain = (100 * values[round(1000 * at) - 1] for at in (probability, 0.5))
    name = info.class_names[label]
    print(f"{args.metric}: {best:.2f} where {name} begins at {probability:g}, {plain:.2f} at 0.5")
    place = f"{records.num_examples} images of {info.name}, {args.split}"
    store(targets, label, probability, f"{args.metric} {best:.2f} on {place}")


def check_purpose(args: argparse.Namespace) -> None:
    """Raises a DataError if the images or the options are not for choosing a threshold."""
    if args.split == "test":
        raise DataError(
            "--split test: a threshold that is chosen on test images makes their accuracy say "
            "nothing; hold out training images with convert_dataset.py --split 80/20, and choose "
            "on val"
        )
    if args.crf is not None:
        raise DataError("--crf: labels after a CRF follow no threshold; leave it out")


def chosen_class(name: str | None, class_names: Sequence[str]) -> int:
    """Returns the class whose probability decides.

    Raises:
        DataError: there are not two classes, or there is none of that name.
    """
    if len(class_names) != 2:
        raise DataError(f"a threshold decides between two classes; here are {len(class_names)}")
    labels = {class_name: label for label, class_name in enumerate(class_names)}
    return 1 if name is None else choose("class", name, labels)


def refuse_training_images(checkpoint: str, records: Records) -> None:
    """Raises a DataError if the checkpoint was trained on these records, as far as is known."""
    run = run_of(Path(checkpoint))
    trained_on = [] if run is None else read_config(run).get("data") or []
    if set(trained_on) & {shard.sha256 for shard in records.shards}:
        raise DataError(
            f"{checkpoint}: was trained on these images, on which it is surer than on others; hold "
            "out some with convert_dataset.py --split 80/20, and choose on --split val"
        )


def read_fields(checkpoint: str) -> tuple[Path, dict[str, Any]]:
    """Returns where the description of a checkpoint lies and its fields.

    Raises:
        DataError: it has none, or it is damaged.
    """
    from tf_image_segmentation.models import checkpoints
    from tf_image_segmentation.models.description import description_path, read_description

    if (found := read_description(Path(checkpoint))) is None or found.num_classes != 2:
        raise DataError(
            f"{checkpoint}: has no description of two classes beside it that could hold the "
            "threshold; name what training wrote to model/, such as RUN/model/last"
        )
    path = description_path(checkpoints.resolve(Path(checkpoint)))
    return path, read_json(path, dict[str, Any])


def store(
    targets: Mapping[str, tuple[Path, dict[str, Any]]], label: int, probability: float, why: str
) -> None:
    """Writes the threshold into the descriptions that `read_fields` has read."""
    threshold = {"label": label, "probability": probability, "chosen_on": why}
    for path, fields in targets.values():
        write_json(path, {**fields, "threshold": threshold})
        print(f"wrote {path}")
