"""Plans how a model is trained on records on this machine, and writes it down as a recipe.

Sizes, colors, classes and regions of the images, and seconds and memory of a few training steps
decide crop, batch, steps, rates, balancing and augmentation. The recipe has a comment for each
choice; change what you like, and train with train.py --recipe FILE.toml.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tf_image_segmentation.atomic import write_text
from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.recipe_choice import written_plan
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.planning.rules import MINUTES


def main() -> None:
    """Parses the command line, plans and writes the recipe."""
    args = _parser().parse_args()
    if args.output.exists() and not args.overwrite:
        raise DataError(f"{args.output}: is there already; replace it with --overwrite")
    command_line.load_tensorflow()
    text = written_plan(args, args.model, args.set)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_text(args.output, text)
    print(text)
    print(f"wrote {args.output}")


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--tfrecords", required=True, nargs="+", metavar="RECORDS", help="as for train.py")
    add("--val-tfrecords", help='as for train.py; None takes the "val" split of --tfrecords')
    add("--class-map", help="as for train.py")
    add("--dataset", help="registered dataset, for records without a manifest")
    add("--model", required=True, metavar="NAME", help="registered model, such as fcn_8s")
    add("--minutes", type=float, default=MINUTES, help="for training with its validations")
    add(
        "--init-checkpoint",
        help="weights to start from; none are random ones, None takes the model that ships, where "
        "it is of the same kind",
    )
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a field of the recipe that is not to be decided, such as crop_size=513",
    )
    add("--output", type=Path, default=Path("recipe.toml"), help="file to write")
    add("--overwrite", action="store_true", help="replace the file")
    return parser
