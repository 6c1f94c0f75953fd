"""The options that say how an image becomes labels, for all scripts that predict."""

from __future__ import annotations

import argparse
import math
import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters, check_installed

if TYPE_CHECKING:  # TensorFlow takes seconds to load, and --help should not wait for it
    from tf_image_segmentation.inference.options import Views
    from tf_image_segmentation.inference.stream import CrfWork

_CRF_FIELDS = {field.name: getattr(CrfParameters(), field.name) for field in fields(CrfParameters)}


def add_prediction_options(parser: argparse.ArgumentParser) -> None:
    """Adds --fit, --scales, --flip, --window, --overlap, --crf and --workers."""
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
        "--window",
        type=int,
        default=1024,
        metavar="SIDE",
        help="images of more than twice this square are predicted in overlapping windows",
    )
    add("--overlap", type=int, default=256, help="pixels that neighboring windows share")
    add(
        "--crf",
        nargs="*",
        metavar="NAME=VALUE",
        help="refine with a dense CRF; without names, with "
        + " ".join(f"{name}={value:g}" for name, value in _CRF_FIELDS.items()),
    )
    add("--workers", type=int, default=os.cpu_count(), help="processes of the dense CRF")


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
    names = ("fit", "scales", "flip", "window", "overlap", "crf")
    return {name: getattr(args, name) for name in names}


def chosen_prediction(args: argparse.Namespace) -> tuple[Views, CrfWork | None]:
    """Returns how images shall be looked at, and the dense CRF if one is wanted.

    Raises:
        DataError: the options do not fit together, a CRF parameter is not known or no number, or
            pydensecrf is not installed.
    """
    from tf_image_segmentation.inference.options import Views
    from tf_image_segmentation.inference.stream import CrfWork

    if args.fit != "pad" and (args.scales != [1.0] or args.flip or args.crf is not None):
        raise DataError("--scales, --flip and --crf work on padded images; leave out --fit resize")
    if not all(0 < scale < math.inf for scale in args.scales):
        raise DataError(f"--scales must be above 0, got {args.scales}; try --scales 0.75 1 1.25")
    if args.workers < 1:
        raise DataError(f"--workers must be at least 1, got {args.workers}")
    try:
        views = Views(args.fit, tuple(args.scales), args.flip, args.window, args.overlap)
    except ValueError as error:
        raise DataError(f"--window, --overlap: {error}") from error
    if args.crf is None:
        return views, None
    check_installed()
    return views, CrfWork(_crf_parameters(args.crf), args.workers)
