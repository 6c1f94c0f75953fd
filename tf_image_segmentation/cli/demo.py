"""Runs the whole pipeline on a built-in toy dataset: drawing, records, three stages, one table.

The dataset is drawn in the layouts of PASCAL VOC 2012 and Berkeley SBD, so that each command that
is shown is, but for its paths and recipe, the one for the real data. At the end, the model that
comes with the package predicts three photographs. Run again after an interruption, it goes on where
it stopped.
"""

from __future__ import annotations

import time
from pathlib import Path

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.stages import STAGES, metrics_of, run_command, train_stages
from tf_image_segmentation.datasets.toy.photographs import write_photographs

PROMISED_MEAN_IOU = 0.75


def main() -> None:
    """Parses the command line and runs the steps."""
    parser = command_line.parser(__doc__)
    parser.add_argument(
        "--output-dir", type=Path, default=Path("demo"), help="folder for all of it"
    )
    parser.add_argument("--num-images", type=int, default=480, help="images to draw")
    parser.add_argument("--steps", type=int, help="steps of each stage; None takes the recipe's")
    args = parser.parse_args()

    start = time.perf_counter()
    shapes, records = args.output_dir / "shapes", args.output_dir / "records"
    if not shapes.exists():
        run_command("make_shapes", "--output-dir", shapes, "--num-images", args.num_images)
    if not records.exists():
        voc, sbd = shapes / "VOCdevkit/VOC2012", shapes / "benchmark_RELEASE/dataset"
        folders = ["--voc-root", voc, "--sbd-root", sbd, "--output-dir", records]
        run_command("convert_pascal_voc", *folders, "--mode", 2, "--classes", "shapes")
    sheet = args.output_dir / "records.png"
    allowed = [] if args.num_images == parser.get_default("num_images") else ["--allow", "sizes"]
    looked_at = [records, "--verify", "--contact-sheet", sheet, *allowed]
    run_command("inspect_tfrecords", *looked_at)
    options = ["--tfrecords", records, "--recipe", "shapes", "--checkpoint-interval", 50]
    options += ["--steps", args.steps] if args.steps else []
    models = train_stages(args.output_dir, options)
    for model in models:
        run_dir = model.parent.parent
        where = ["--checkpoint", model, "--tfrecords", records]
        output = ["--output-dir", run_dir / "evaluation", "--report", run_dir / "report.html"]
        run_command("evaluate", *where, *output)
    picture = args.output_dir / "comparison.png"
    run_command("compare_models", *models, "--tfrecords", records, "--picture", picture)
    photos = sorted((shapes / "VOCdevkit/VOC2012/JPEGImages").iterdir())[:3]
    predictions = ["--output-dir", args.output_dir / "predictions", "--overwrite"]
    run_command("predict", *photos, "--checkpoint", models[-1], *predictions)
    included = ["--output-dir", args.output_dir / "photographs" / "predictions", "--overwrite"]
    run_command("predict", *write_photographs(args.output_dir / "photographs"), *included)
    print(f"\nreports: {args.output_dir}/fcn*/report.html")
    print(f"pictures: {sheet}, {picture}, {args.output_dir}/predictions/*_overlay.jpg")
    print(f"the included model on photographs: {included[1]}/*_overlay.jpg")
    print(f"{time.perf_counter() - start:.0f} s in all")
    coarse, fine = (
        metrics_of(args.output_dir / stage / "evaluation")["mean_iou"]
        for stage in (STAGES[0], STAGES[-1])
    )
    print(f"mean IoU: FCN-32s {coarse:.4f}, FCN-8s {fine:.4f}")
    if args.steps is None and not (fine > coarse and fine >= PROMISED_MEAN_IOU):
        raise SystemExit(f"error: FCN-8s should reach {PROMISED_MEAN_IOU} and beat FCN-32s")
