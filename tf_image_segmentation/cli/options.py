"""Options that several scripts have: which checkpoint, and how images are read."""

from __future__ import annotations

import argparse

from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.errors import DataError


def add_checkpoint_options(parser: argparse.ArgumentParser) -> None:
    """Adds --checkpoint and --model, which `Network.from_checkpoint` takes."""
    add = parser.add_argument
    add("--checkpoint", required=True, help="checkpoint, .npz, or a folder such as model/best")
    add(
        "--model",
        choices=("fcn_32s", "fcn_16s", "fcn_8s"),
        help="the checkpoint's model; None takes what was saved beside it",
    )


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
