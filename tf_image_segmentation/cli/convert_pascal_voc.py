r"""Converts PASCAL VOC 2012 and Berkeley SBD to files of records.

The mode says which images validate; all others train. With PV VOC's val list and BT, BV the lists
of SBD, the validation set is
  mode 1: PV                1449 images, 10582 for training
  mode 2: PV \ BT            904 images, 11127 for training (RV-VOC12)
  mode 3: PV \ (BT + BV)     346 images, 11685 for training
Training masks are SBD's where SBD has the image, else VOC's; validation masks are VOC's.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.conversion import add_conversion_arguments, run_conversion
from tf_image_segmentation.datasets.registry import get_dataset
from tf_image_segmentation.datasets.subset import listed_samples, with_held_out


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    parser.add_argument("--voc-root", type=Path, required=True, help="folder VOCdevkit/VOC2012")
    parser.add_argument(
        "--sbd-root", type=Path, required=True, help="folder benchmark_RELEASE/dataset"
    )
    parser.add_argument("--mode", type=int, default=2, help="1, 2 or 3, see above")
    parser.add_argument(
        "--classes",
        metavar="NAME",
        default="pascal_voc_sbd",
        help="registered dataset whose class names and colors go into the manifest, for sets "
        "that lie on disk as VOC and SBD do, such as the embedded one, shapes",
    )
    parser.add_argument("--ids", type=Path, metavar="FILE", help="convert only the ids listed here")
    parser.add_argument(
        "--hold-out",
        type=int,
        metavar="N",
        help="validate on N training images drawn at random instead, to choose settings on",
    )
    add_conversion_arguments(parser)
    return parser.parse_args()


def main() -> None:
    """Parses the command line and converts."""
    arguments = parse_arguments()

    from tf_image_segmentation.datasets.sets import pascal_voc_sbd

    info = get_dataset(arguments.classes).info
    if info.name == pascal_voc_sbd.INFO.name:
        info = pascal_voc_sbd.info_for_mode(arguments.mode)
    elif arguments.mode != pascal_voc_sbd.DEFAULT_MODE:
        # Another set's counts are those of the default mode.
        info = replace(info, splits={})
    samples = pascal_voc_sbd.union_samples(arguments.voc_root, arguments.sbd_root, arguments.mode)
    source: dict[str, Any] = {"mode": arguments.mode}
    if arguments.ids is not None:
        samples = listed_samples(samples, arguments.ids)
        source["ids"] = arguments.ids.name
    if arguments.hold_out is not None:
        samples = with_held_out(samples, arguments.hold_out)
        source["held_out"] = arguments.hold_out
    run_conversion(arguments, info, samples, source=source)
