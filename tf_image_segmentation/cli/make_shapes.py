"""Draws the embedded dataset `shapes` in the layouts of VOC 2012 and Berkeley SBD.

Convert it as the real ones are converted, for example:

    python scripts/make_shapes.py --output-dir data/shapes
    python scripts/convert_dataset.py shapes --root data/shapes --output-dir data/shapes_records
"""

from __future__ import annotations

from pathlib import Path

from tf_image_segmentation.cli import command_line


def main() -> None:
    """Parses the command line and writes the dataset."""
    parser = command_line.parser(__doc__)
    parser.add_argument("--output-dir", type=Path, default="data/shapes", help="folder to make")
    parser.add_argument("--num-images", type=int, default=480, help="images in all")
    parser.add_argument(
        "--image-size", type=int, default=160, help="mean height and width in pixels"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed writes the same bytes")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a shapes dataset that is there"
    )
    args = parser.parse_args()

    from tf_image_segmentation.datasets.toy.drawing import write_shapes

    write_shapes(
        args.output_dir,
        args.num_images,
        args.image_size,
        args.seed,
        overwrite=args.overwrite,
        progress=True,
    )
    print(f"wrote {args.num_images} images to {args.output_dir}")
