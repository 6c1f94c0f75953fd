"""Predicts the classes of the pixels of images, and shows them.

For each image, --output-dir gets NAME_overlay.jpg, the image with its classes painted over it and a
legend of their names, and NAME_labels.png, a palette PNG of class ids, or what --format says. Names
and colors come from the checkpoint, and so does the range of 16-bit images. Images are JPEG, PNG,
TIFF, BMP, GIF, WebP or NIfTI files of any size, known by their content; gray ones, those with a
palette or alpha and turned ones are read as they look. Without --checkpoint, a model that comes
with the package predicts. docs/how_to/predict.md has all of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.options import (
    add_checkpoint_options,
    add_image_options,
    add_prediction_options,
    add_zoo_option,
    chosen_checkpoint,
    chosen_intensity_range,
    chosen_prediction,
)
from tf_image_segmentation.structs import parse_toml_value


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add(
        "images",
        nargs="+",
        type=Path,
        metavar="IMAGE_OR_FOLDER",
        help="files, and folders of which all images are taken",
    )
    add_checkpoint_options(parser, required=False)
    add("--output-dir", type=Path, default=Path("predictions"), help="folder for the results")
    add("--recursive", action="store_true", help="read folders with their subfolders")
    add(
        "--pages",
        choices=("all",),
        help="predict each page, frame or slice of a stack, such as scan_0003; None refuses stacks",
    )
    add_prediction_options(parser)
    add("--dataset", help="registered dataset that names the classes, where the checkpoint cannot")
    _add_output_options(parser)
    add("--skip-bad", action="store_true", help="go on after images that cannot be read")
    add("--resume", action="store_true", help="leave out images that have results already")
    add("--overwrite", action="store_true", help="replace results that are there")
    add_image_options(parser)
    add(
        "--allow-other-range",
        action="store_true",
        help="let --intensity-range be another one than the checkpoint was trained with",
    )
    add_zoo_option(parser)
    return parser.parse_args()


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--format",
        metavar="NAME",
        default="auto",
        help="what labels are written as: png, tiff, nifti, coco or labelme (polygons), "
        "voc_submission or cityscapes_submission, or with arguments: "
        "'{name=\"coco\", tolerance=1}'; auto is nifti for NIfTI files and png for others",
    )
    add("--outlines", action="store_true", help="overlays show outlines in place of areas")
    add(
        "--keep-largest",
        nargs="*",
        metavar="CLASS",
        help="keep only the largest region of each of these classes, by name or id; without names, "
        "of all but the background, which the others become",
    )
    add("--probabilities", action="store_true", help="write the probability of each class, too")
    add(
        "--confidence",
        action="store_true",
        help="write how sure the prediction of each pixel is, and the list least_certain.csv",
    )


def main() -> None:
    """Parses the command line and predicts."""
    args = parse_arguments()
    checkpoint = chosen_checkpoint(args)
    command_line.load_tensorflow()
    from tf_image_segmentation.inference.files import Predictor, find_jobs
    from tf_image_segmentation.inference.formats import make_format
    from tf_image_segmentation.inference.jobs import left_out
    from tf_image_segmentation.models.network import Network

    options = chosen_prediction(args)
    label_format = make_format(_format(args.format), args.output_dir)
    jobs = find_jobs(
        args.images,
        args.output_dir,
        resume=args.resume,
        overwrite=args.overwrite,
        recursive=args.recursive,
        all_pages=args.pages == "all",
        label_format=label_format,
    )
    for line in left_out(args.images, args.recursive):
        print(line)
    predictor = Predictor(
        Network.from_checkpoint(checkpoint, args.model),
        options,
        dataset=args.dataset,
        max_pixels=args.max_pixels,
        intensity_range=chosen_intensity_range(args),
        allow_other_range=args.allow_other_range,
        label_format=label_format,
        outlines=args.outlines,
        confidence=args.confidence,
        keep_largest=("all",) if args.keep_largest == [] else tuple(args.keep_largest or ()),
    )
    skipped = predictor.run(jobs, skip_bad=args.skip_bad)
    print(f"predicted {len(jobs) - len(skipped)} images into {args.output_dir}")
    for reason in skipped:
        print(f"skipped {reason}")


def _format(text: str) -> Any:
    return parse_toml_value(text, "--format") if text.startswith("{") else text
