"""Options that several commands have: checkpoint, records, how images are read and predicted."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters, check_installed
from tf_image_segmentation.inference.options import OVERLAP, WINDOW, PredictionOptions
from tf_image_segmentation.registry import Part
from tf_image_segmentation.structs import parse_toml_value
from tf_image_segmentation.zoo.shipped import DEFAULT_MODEL, find_checkpoint

if TYPE_CHECKING:  # TensorFlow takes seconds to load, and --help should not wait for it
    from tf_image_segmentation.tfrecords.reader import Records

_CRF_FIELDS = {field.name: getattr(CrfParameters(), field.name) for field in fields(CrfParameters)}


def add_checkpoint_options(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Adds --checkpoint and --model, which `Network.from_checkpoint` takes.

    Args:
        parser: what they are added to.
        required: whether a checkpoint must be named; else the default model is taken.
    """
    add = parser.add_argument
    kinds = "checkpoint, .npz, a folder such as model/best, or a model that list_models.py lists"
    default = "" if required else f"; None takes {DEFAULT_MODEL}, if it comes with this version"
    add("--checkpoint", required=required, help=kinds + default)
    add(
        "--model",
        metavar="NAME",
        help="the model that the checkpoint must hold, such as fcn_8s; None takes what was saved "
        "beside it",
    )


def add_records_options(parser: argparse.ArgumentParser) -> None:
    """Adds --tfrecords, --split and --dataset, which `opened_records` opens."""
    add = parser.add_argument
    add("--tfrecords", required=True, help="records: a folder, a file or a glob")
    add("--split", default="val", help="split of a folder of records")
    add("--dataset", help="registered dataset, for records without a manifest")


def opened_records(args: argparse.Namespace) -> tuple[Records, DatasetInfo]:
    """Returns the records that the options name, and their classes.

    Raises:
        DataError: they cannot be opened, or nothing says what their classes are.
    """
    from tf_image_segmentation.tfrecords.reader import open_records

    records = open_records(args.tfrecords, args.split)
    return records, records.described_as(args.dataset)


def add_zoo_option(parser: argparse.ArgumentParser) -> None:
    """Adds --zoo, which `chosen_checkpoint` takes names from."""
    parser.add_argument(
        "--zoo",
        type=Path,
        metavar="FOLDER",
        help="folder of what pack_model.py wrote; None is that of the package",
    )


def chosen_checkpoint(args: argparse.Namespace) -> str:
    """Returns the path of the checkpoint that the command line means.

    Raises:
        DataError: as `find_checkpoint`.
    """
    return find_checkpoint(args.checkpoint, getattr(args, "zoo", None))


def add_check_images(parser: argparse.ArgumentParser, count: int) -> None:
    """Adds --check-images, and --num-check-images with ``count`` by default."""
    parser.add_argument(
        "--check-images",
        type=Path,
        nargs="+",
        default=[],
        metavar="IMAGE_OR_FOLDER",
        help="JPEG or PNG images to compare predictions on, best of the kind that the network was "
        "trained on; none takes three photographs that come with scikit-image",
    )
    parser.add_argument(
        "--num-check-images", type=int, default=count, help="how many of them, taken evenly"
    )


def add_prediction_options(parser: argparse.ArgumentParser) -> None:
    """Adds --fit, --scales, --flip, --window, --overlap, --crf and --workers."""
    add = parser.add_argument
    add(
        "--fit",
        metavar="pad|resize|HxW",
        default="pad",
        help="how images are brought to a size that the model takes: padded; resized, and the "
        "labels resized back, as the classic system did; or all stretched to one size, such as "
        "257x257, and the logits resized back",
    )
    add("--scales", type=float, nargs="+", default=[1.0], help="sizes to average probabilities of")
    add("--flip", action="store_true", help="average with the prediction for the mirrored image")
    add(
        "--window",
        type=int,
        metavar="SIDE",
        help="images of more than twice this square are predicted in overlapping windows; None is "
        f"{WINDOW}, or the next size that the model takes",
    )
    add("--overlap", type=int, default=OVERLAP, help="pixels that neighboring windows share")
    add(
        "--crf",
        nargs="*",
        metavar="NAME=VALUE",
        help="refine with a dense CRF; without names, with "
        + " ".join(f"{name}={value:g}" for name, value in _CRF_FIELDS.items()),
    )
    add("--workers", type=int, default=os.cpu_count(), help="processes of the dense CRF")


def add_metrics_option(parser: argparse.ArgumentParser) -> None:
    """Adds --metrics."""
    parser.add_argument(
        "--metrics",
        nargs="+",
        metavar="NAME",
        help="what to compute, such as mean_iou dice boundary_f1, or with arguments: "
        "'{name=\"boundary_f1\", tolerance=2}'; None gives accuracies and IoU, and "
        "of two classes Dice, precision and recall",
    )


def chosen_metrics(args: argparse.Namespace, num_classes: int) -> tuple[Part, ...]:
    """Returns what --metrics says; where it was not given, the default list for so many classes.

    Raises:
        DataError: there is no such metric, or its arguments are wrong.
    """
    from tf_image_segmentation.evaluation.metrics import (
        DEFAULT_METRICS,
        OVERLAP_METRICS,
        parse_metrics,
    )

    if args.metrics is None:
        return DEFAULT_METRICS + (OVERLAP_METRICS if num_classes == 2 else ())
    return parse_metrics(
        parse_toml_value(value, "--metrics") if value.startswith("{") else value
        for value in args.metrics
    )


def chosen_prediction(args: argparse.Namespace) -> PredictionOptions:
    """Returns how images shall be predicted.

    Args:
        args: the parsed command line; ``probabilities`` may be among them.

    Raises:
        DataError: the options do not fit together, a value is out of bounds, a CRF parameter is not
            known or no number, or pydensecrf is not installed.
    """
    probabilities = getattr(args, "probabilities", False)
    if args.workers < 1:
        raise DataError(f"--workers must be at least 1, got {args.workers}")
    crf = None if args.crf is None else _crf_parameters(args.crf)
    if crf is not None:
        check_installed()
    chosen = {name: getattr(args, name) for name in ("fit", "scales", "flip", "window", "overlap")}
    return PredictionOptions(
        **chosen, crf=crf, crf_workers=args.workers, probabilities=probabilities
    )


def _crf_parameters(settings: list[str]) -> CrfParameters:
    values: dict[str, Any] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in _CRF_FIELDS:
            raise DataError(f"--crf {setting}: no such parameter; there are {list(_CRF_FIELDS)}")
        try:
            values[name] = type(_CRF_FIELDS[name])(text)
        except ValueError as error:
            raise DataError(f"--crf {setting}: {text!r} is not a number; write {name}=3") from error
    return CrfParameters(**values)


def prediction_facts(args: argparse.Namespace, options: PredictionOptions) -> dict[str, Any]:
    """Returns how images are predicted as JSON types, to be stored with a result."""
    names = ("fit", "flip", "window", "overlap")
    chosen = {name: getattr(options, name) for name in names}
    return {**chosen, "scales": list(options.scales), "crf": args.crf}


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """Adds --max-pixels and --intensity-range, which `datasets.images` takes."""
    add = parser.add_argument
    add("--max-pixels", type=int, default=MAX_PIXELS, help="largest image, height times width")
    add(
        "--intensity-range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="values of 16-bit images that become 0 and 255; None refuses such images",
    )


def chosen_intensity_range(arguments: argparse.Namespace) -> tuple[float, float] | None:
    """Returns what --intensity-range says, None where it was not given.

    Raises:
        DataError: its values are not in order.
    """
    if arguments.intensity_range is None:
        return None
    low, high = arguments.intensity_range
    if not low < high:
        raise DataError(f"--intensity-range {low:g} {high:g}: the first must be below the second")
    return low, high
