"""Trains FCN-32s, FCN-16s and FCN-8s on CamVid as the "camvid" recipe says, and shows the result.

Converts the dataset, trains the three stages one after the other from the ImageNet convolutions of
VGG-16, evaluates each and ends with a table, which it also writes to results.md. Stopped at any
moment, the same command goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.atomic import write_text
from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.stages import STAGES, metrics_of, run_command, train_stages
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.run_files import METRICS_FILE, read_metrics

# What several views of an image and a dense CRF add to the last stage, each on its own.
_VIEWS = ["--scales", "0.75", "1", "1.25", "--flip"]
# Of six tried on every fourth validation image.
_CRF = ["--crf", "gaussian_sxy=1", "gaussian_compat=1", "bilateral_sxy=20", "bilateral_srgb=4"]
_CRF += ["bilateral_compat=3"]
EXTRAS = {"views": _VIEWS, "crf": _CRF}
TITLES = {
    "fcn32s": "FCN-32s",
    "fcn16s": "FCN-16s",
    "fcn8s": "FCN-8s",
    "views": "FCN-8s, flipped and at 0.75, 1, 1.25",
    "crf": "FCN-8s with dense CRF",
}


def minutes(run_dir: Path) -> float:
    """Returns how long the steps and validations of a run took, over all its parts."""
    return sum(line.get("seconds", 0) for line in read_metrics(run_dir / METRICS_FILE)) / 60


def check_splits(records: Path, splits: list[str]) -> None:
    """Raises a DataError unless the records have the splits, before hours are spent on them."""
    there = json.loads((records / "manifest.json").read_text())["splits"]
    if missing := [split for split in splits if split not in there]:
        raise DataError(
            f"{records}: converted without {missing}; remove this folder to convert again, or use "
            "another --output-dir"
        )


def table(output_dir: Path, splits: list[str]) -> Iterator[str]:
    """Yields the lines of the result as a Markdown table."""
    yield "| model | split | mean IoU | mean pixel acc. | pixel acc. | f.w. IoU | training |"
    yield "|---|---|---|---|---|---|---|"
    keys = ("mean_iou", "mean_pixel_accuracy", "pixel_accuracy", "frequency_weighted_iou")
    for name, title in TITLES.items():
        for split in splits:
            evaluation = output_dir / f"evaluation_{split}" / name
            if not evaluation.exists():
                continue
            metrics = metrics_of(evaluation)
            figures = " | ".join(f"{100 * metrics[key]:.2f}" for key in keys)
            spent = f"{minutes(output_dir / name):.1f} min" if name in STAGES else ""
            yield f"| {title} | {split} | {figures} | {spent} |"


def main() -> None:
    """Parses the command line and runs the steps."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--root", type=Path, required=True, help="CamVid as prepared for SegNet")
    add("--init-checkpoint", type=Path, required=True, help="vgg_16.ckpt or an .npz of its layers")
    add("--output-dir", type=Path, default=Path("runs/camvid"), help="folder for all of it")
    add("--splits", nargs="+", default=["val"], help="splits to evaluate on")
    add("--extras", action="store_true", help="rows for several views and the dense CRF, too")
    add("--steps", type=int, help="steps of each stage; None takes the recipe's")
    args = parser.parse_args()

    records = args.output_dir / "records"
    if not records.exists():
        splits = dict.fromkeys(["train", "val", *args.splits])
        options = ["--root", args.root, "--output-dir", records, "--splits", *splits]
        run_command("convert_dataset", "camvid", *options)
    check_splits(records, args.splits)
    options = ["--tfrecords", records, "--recipe", "camvid", "--checkpoint-interval", 200]
    options += ["--steps", args.steps] if args.steps else []
    models = train_stages(args.output_dir, options, args.init_checkpoint)
    jobs: list[tuple[str, Path, list[str]]] = [
        (name, model, []) for name, model in zip(STAGES, models, strict=True)
    ]
    if args.extras:
        jobs += [(name, models[-1], options) for name, options in EXTRAS.items()]
    for split in args.splits:
        for name, model, options in jobs:
            output = args.output_dir / f"evaluation_{split}" / name
            where = ["--tfrecords", records, "--split", split, "--output-dir", output]
            run_command("evaluate", "--checkpoint", model, *where, *options)
    text = "\n".join(table(args.output_dir, args.splits)) + "\n"
    write_text(args.output_dir / "results.md", text)
    print(f"\n{text}\nwrote {args.output_dir}/results.md")
