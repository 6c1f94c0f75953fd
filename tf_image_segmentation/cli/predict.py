"""Predicts the classes of the pixels of images, and shows them.

For each image, --output-dir gets NAME_labels.png, a palette PNG of class ids, and NAME_overlay.jpg,
the image with its classes painted over it and a legend of their names; with --probabilities also
NAME_probabilities.npz. Names and colors come from the checkpoint. Images are JPEG or PNG files of
any size; gray ones, those with a palette or alpha and turned ones are read as they look. Without
--checkpoint, a model that comes with the package predicts.
"""

from __future__ import annotations

from pathlib import Path

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


def main() -> None:
    """Parses the command line and predicts."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add(
        "images",
        nargs="+",
        type=Path,
        metavar="IMAGE_OR_FOLDER",
        help="files, and folders of which all JPEG and PNG files are taken",
    )
    add_checkpoint_options(parser, required=False)
    add("--output-dir", type=Path, default=Path("predictions"), help="folder for the results")
    add_prediction_options(parser)
    add("--dataset", help="registered dataset that names the classes, where the checkpoint cannot")
    add("--probabilities", action="store_true", help="write the probability of each class, too")
    add("--skip-bad", action="store_true", help="go on after images that cannot be read")
    add("--resume", action="store_true", help="leave out images that have results already")
    add("--overwrite", action="store_true", help="replace results that are there")
    add_image_options(parser)
    add_zoo_option(parser)
    args = parser.parse_args()
    checkpoint = chosen_checkpoint(args)

    command_line.load_tensorflow()
    from tf_image_segmentation.inference.files import Predictor, find_jobs
    from tf_image_segmentation.models.network import Network

    options = chosen_prediction(args)
    jobs = find_jobs(args.images, args.output_dir, resume=args.resume, overwrite=args.overwrite)
    predictor = Predictor(
        Network.from_checkpoint(checkpoint, args.model),
        options,
        dataset=args.dataset,
        max_pixels=args.max_pixels,
        intensity_range=chosen_intensity_range(args),
    )
    skipped = predictor.run(jobs, skip_bad=args.skip_bad)
    print(f"predicted {len(jobs) - len(skipped)} images into {args.output_dir}")
    for reason in skipped:
        print(f"skipped {reason}")
