"""Exports a checkpoint as SavedModel, TFLite or ONNX, to run without this package.

Each file takes images of any size, uint8 [batch, height, width, 3], and gives labels and
probabilities. It is loaded again and compared with the network on real images before it appears in
--output-dir; one that predicts something else is not written.
"""

from __future__ import annotations

from pathlib import Path

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.options import (
    add_check_images,
    add_checkpoint_options,
    chosen_checkpoint,
)

FORMATS = ("saved_model", "tflite", "tflite_int8", "onnx")


def main() -> None:
    """Parses the command line, exports, and prints how each file compares with the network."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add_checkpoint_options(parser)
    add("--output-dir", type=Path, required=True, help="folder for the exported files")
    add(
        "--formats",
        nargs="+",
        choices=FORMATS,
        default=["saved_model", "tflite"],
        help="what to export to; onnx needs pip install 'tf_image_segmentation[onnx]'",
    )
    add("--dataset", help="registered dataset with the class names, if the checkpoint has none")
    add_check_images(parser, count=8)
    add(
        "--min-equal", type=float, default=99.9, help="least percent of labels equal to the network"
    )
    add("--max-difference", type=float, default=0.01, help="largest difference of a probability")
    add(
        "--min-equal-int8",
        type=float,
        default=95.0,
        help="least percent of equal labels of tflite_int8, whose probabilities are not limited",
    )
    add(
        "--float32",
        action="store_true",
        help="let the SavedModel of a bfloat16 network compute in float32, as the others always do",
    )
    add("--overwrite", action="store_true", help="replace exported files once all is done")
    args = parser.parse_args()
    args.checkpoint = chosen_checkpoint(args)

    command_line.load_tensorflow()
    from rich.console import Console

    from tf_image_segmentation import export
    from tf_image_segmentation.datasets import get_dataset
    from tf_image_segmentation.export.pictures import read_pictures
    from tf_image_segmentation.export.report import check_table
    from tf_image_segmentation.models.network import Network

    limits = export.Limits(args.min_equal, args.max_difference, args.min_equal_int8)
    images = read_pictures(args.check_images, args.num_check_images) if args.check_images else []
    dataset = get_dataset(args.dataset).info if args.dataset else None
    network = Network.from_checkpoint(args.checkpoint, args.model)
    metadata = export.describe_export(network, args.checkpoint, dataset)
    checks = export.export_checked(
        network,
        args.output_dir,
        args.formats,
        images,
        metadata,
        limits,
        float32=args.float32,
        overwrite=args.overwrite,
        progress=True,
    )
    Console(highlight=False, markup=False).print(check_table(checks))
    for name in dict.fromkeys(args.formats):
        print(f"wrote {args.output_dir / export.FORMATS[name].file_name}")
