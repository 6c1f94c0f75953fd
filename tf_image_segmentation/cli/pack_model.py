"""Packs a trained checkpoint into one small file, as those that come with the package.

--output-dir gets NAME.npz, the weights in half precision, and NAME.npz.json, the card with all that
is known of the model. The file opens as any other checkpoint, and predictions of both are compared
before anything is written. Recipe and versions are taken from the run that the checkpoint lies in.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.options import add_check_images
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.run_files import read_config, run_of
from tf_image_segmentation.zoo.shipped import NOT_STATED

_FACTS = {
    "summary": "what the model is for",
    "license": "of the weights",
    "data": "datasets that it was trained on",
    "data-license": "terms of these",
    "starting-weights": "what training started from",
    "starting-weights-license": "terms of these",
    "training-command": "what trained it",
}


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("checkpoint", help="what training wrote: RUN/model/best or RUN/model/last")
    add("--name", required=True, help="of the model: lower-case letters, digits and underscores")
    add(
        "--output-dir",
        type=Path,
        required=True,
        help="gets both files; those that ship lie in tf_image_segmentation/zoo",
    )
    add_check_images(parser, count=16)
    add("--min-equal", type=float, default=99.0, help="least percent of equal labels")
    add("--overwrite", action="store_true", help="replace files that are there")
    card = parser.add_argument_group("what the card says")
    for name, text in _FACTS.items():
        card.add_argument(f"--{name}", default=NOT_STATED, metavar="TEXT", help=text)
    card.add_argument(
        "--accuracy",
        nargs="+",
        default=[],
        metavar="SET=PERCENT",
        help="mean IoU by validation set, such as 'RV-VOC12 val, 904 images=65.1'",
    )
    return parser.parse_args()


def main() -> None:
    """Parses the command line, packs, and prints how the packed model compares."""
    args = parse_arguments()
    facts = _facts(args)

    command_line.load_tensorflow()
    from tf_image_segmentation.export.pictures import read_pictures, sample_pictures
    from tf_image_segmentation.zoo.packing import pack
    from tf_image_segmentation.zoo.shipped import Facts, card_path

    images = (
        read_pictures(args.check_images, args.num_check_images)
        if args.check_images
        else sample_pictures()
    )
    model = pack(
        args.checkpoint,
        args.name,
        args.output_dir,
        images,
        Facts(**facts),
        command=f"{command_line.typed('pack_model')} {shlex.join(sys.argv[1:])}",
        min_equal=args.min_equal,
        overwrite=args.overwrite,
    )
    print(
        f"{model.card.equal_labels:.3f}% of the labels of {len(images)} images are those of the "
        "checkpoint"
    )
    print(f"wrote {model.path} ({model.card.bytes / 1e6:.2f} MB) and {card_path(model.path)}")


def _facts(args: argparse.Namespace) -> dict[str, Any]:
    """Returns the fields of `Facts` that the command line and the run's configuration give."""
    facts: dict[str, Any] = {n.replace("-", "_"): vars(args)[n.replace("-", "_")] for n in _FACTS}
    facts["accuracy"] = dict(map(_accuracy, args.accuracy))
    run = run_of(Path(args.checkpoint))
    if run is not None:
        config = read_config(run)
        facts |= {"recipe": config.get("recipe", {}), "environment": config.get("environment", {})}
    return facts


def _accuracy(text: str) -> tuple[str, float]:
    where, _, value = text.rpartition("=")
    try:
        percent = float(value)
    except ValueError:
        percent = -1
    if not where or not 0 <= percent <= 100:
        raise DataError(f"--accuracy {text}: write SET=PERCENT, such as 'camvid val=63.2'")
    return where, percent
