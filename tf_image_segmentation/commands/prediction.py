"""The options that say how an image becomes labels, for all scripts that predict."""

from __future__ import annotations

import argparse
import math
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from tf_image_segmentation.crf import CrfParameters
from tf_image_segmentation.errors import DataError

if TYPE_CHECKING:  # TensorFlow takes seconds to load, and --help should not wait for it
    from tf_image_segmentation.evaluation.evaluator import Predict

_CRF_FIELDS = {field.name: getattr(CrfParameters(), field.name) for field in fields(CrfParameters)}


def add_prediction_options(parser: argparse.ArgumentParser) -> None:
    """Adds --fit, --scales, --flip and --crf."""
    add = parser.add_argument
    add(
        "--fit",
        choices=("pad", "resize"),
        default="pad",
        help="how images are brought to multiples of 32: padded, or resized and the result resized "
        "back as the classic system did",
    )
    add("--scales", type=float, nargs="+", default=[1.0], help="sizes to average probabilities of")
    add("--flip", action="store_true", help="average with the prediction for the mirrored image")
    add(
        "--crf",
        nargs="*",
        metavar="NAME=VALUE",
        help="refine with a dense CRF; without names, with "
        + " ".join(f"{name}={value:g}" for name, value in _CRF_FIELDS.items()),
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
    try:
        return CrfParameters(**values)
    except ValueError as error:
        raise DataError(f"--crf: {error}") from error


def prediction_facts(args: argparse.Namespace) -> dict[str, Any]:
    """Returns the chosen options as JSON types, to be stored with a result."""
    return {name: getattr(args, name) for name in ("fit", "scales", "flip", "crf")}


def predict_function(args: argparse.Namespace) -> Predict:
    """Returns `predict_labels` with the chosen options.

    Raises:
        DataError: the options do not fit together, or a CRF parameter is not known or no number.
    """
    from tf_image_segmentation.inference import predict_labels

    crf = None if args.crf is None else _crf_parameters(args.crf)
    if args.fit != "pad" and (args.scales != [1.0] or args.flip or crf):
        raise DataError("--scales, --flip and --crf work on padded images; leave out --fit resize")
    if not all(0 < scale < math.inf for scale in args.scales):
        raise DataError(f"--scales must be above 0, got {args.scales}; try --scales 0.75 1 1.25")
    return partial(predict_labels, fit=args.fit, scales=tuple(args.scales), flip=args.flip, crf=crf)
