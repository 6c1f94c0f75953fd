"""Trains a model on a labeling tool's export, from its layout to a report, with one command.

Finds the layout, inspects, splits where there is no split, converts, plans, trains, evaluates, and
writes a report, predictions and an exported model. Each step is a command of this package, which is
shown as it would be typed. Stopped, the same command goes on. Further options are those of
convert_dataset.py, such as --split 90/10, --group REGEX, --mask-encoding or --skip-bad.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from tf_image_segmentation.atomic import write_json, write_text
from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.own_data import OwnData
from tf_image_segmentation.cli.stages import metrics_of, run_command
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.planning.rules import MINUTES
from tf_image_segmentation.reports.cross_validation import fold_summary
from tf_image_segmentation.structs import read_json
from tf_image_segmentation.training.run_files import CONFIG_FILE, read_runs

MODEL = "deeplab_v3_plus_mobilenet_v2"
"""What is trained unless asked otherwise: the model that ships is one."""

_OTHER_MINUTES = 3.5  # evaluation, predictions, export, and the start of each command
_COMMAND_FILE = "command.json"
_MOST_PREDICTED = 8
_FORMATS = ("saved_model", "tflite")


def main() -> None:
    """Parses the command line and runs the steps."""
    started = time.monotonic()
    parser = _parser()
    args, options = parser.parse_known_args()
    if not 0 < args.minutes < float("inf"):
        raise DataError(f"--minutes must be above 0, got {args.minutes:g}")
    data = OwnData(args.root, options, args.folds)
    if not (args.output_dir / _COMMAND_FILE).exists():
        _check_start(args)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    _check_same_command(args, options)
    records = args.output_dir / "records"
    if not data.is_converted(records):
        data.split_where_needed()
        data.inspect(args.output_dir / "inspection.html", args.allow)
        data.convert(records)
    minutes = max(args.minutes / 2, args.minutes - _OTHER_MINUTES - _minutes_since(started))
    if args.folds is None:
        _train(args, args.output_dir, records, minutes)
        _use(args, data, records)
    else:
        _cross_validate(args, records, minutes / args.folds)
    print(f"{_minutes_since(started):.1f} minutes")


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser(__doc__)
    parser.allow_abbrev = False  # others are options of convert_dataset.py
    add = parser.add_argument
    add("root", type=Path, metavar="ROOT", help="folder that the labeling tool wrote")
    add("--output-dir", type=Path, required=True, metavar="OUT", help="folder for all of it")
    add("--minutes", type=float, default=MINUTES, help="for all steps together, about")
    add("--model", default=MODEL, metavar="NAME", help="registered model, such as fcn_8s")
    add(
        "--init-checkpoint",
        metavar="NAME|PATH|none",
        help="weights to start from, such as those of an earlier OUT/run/model/last; None takes "
        "the model that ships, where it is of the same kind",
    )
    add(
        "--folds",
        type=int,
        metavar="N",
        help="train and evaluate N models, each on another N-th of the images, and summarize; "
        "None trains one model",
    )
    add(
        "--allow",
        nargs="+",
        default=[],
        metavar="RULE",
        help="what the inspection may find, as for inspect_dataset.py",
    )
    return parser


def _minutes_since(started: float) -> float:
    return (time.monotonic() - started) / 60


def _check_start(args: argparse.Namespace) -> None:
    """Raises a `DataError` if there is no such model or checkpoint, before all that takes time."""
    command_line.load_tensorflow()
    from tf_image_segmentation.planning.planner import starting_point

    starting_point(args.model, args.init_checkpoint)


def _check_same_command(args: argparse.Namespace, options: Sequence[str]) -> None:
    """Raises a `DataError` if the output folder is that of another command."""
    path = args.output_dir / _COMMAND_FILE
    command = {
        "root": str(args.root.resolve()),
        "model": args.model,
        "init_checkpoint": args.init_checkpoint,
        "folds": args.folds,
        "options": list(options),
    }
    if not path.exists():
        if others := sorted(each.name for each in args.output_dir.iterdir()):
            raise DataError(
                f"{args.output_dir}: holds {', '.join(others[:5])} from elsewhere; name another "
                "folder with --output-dir"
            )
        write_json(path, command)
        return
    before = read_json(path, dict)
    if changed := [name for name in command if command[name] != before.get(name)]:
        raise DataError(
            f"{args.output_dir}: was begun with another {', '.join(changed)} "
            f"({before.get(changed[0])}, now {command[changed[0]]}); name another --output-dir, or "
            "give the same command to go on"
        )


def _train(args: argparse.Namespace, folder: Path, records: Path, minutes: float) -> None:
    """Plans, trains and evaluates one model in a folder, as far as that is not done."""
    recipe, run_dir = folder / "recipe.toml", folder / "run"
    init = [] if args.init_checkpoint is None else ["--init-checkpoint", args.init_checkpoint]
    where = ["--tfrecords", records, "--model", args.model]
    if not recipe.exists():
        run_command(
            "plan", *where, "--minutes", f"{max(minutes, 0.1):.1f}", *init, "--output", recipe
        )
    if not _is_trained(run_dir):
        options = ["--recipe", recipe, "--run-dir", run_dir, "--resume"]
        run_command("train", *where, *options)
    if not (folder / "evaluation" / "metrics.json").exists():
        output = ["--output-dir", folder / "evaluation", "--report", folder / "report.html"]
        checkpoint = run_dir / "model" / "last"
        run_command("evaluate", "--checkpoint", checkpoint, "--tfrecords", records, *output)


def _is_trained(run_dir: Path) -> bool:
    """Returns whether all steps are done; the last one is validated after it is logged."""
    if not (run_dir / CONFIG_FILE).exists():
        return False
    (run,) = read_runs([run_dir])
    validated = run.validations[-1]["step"] if run.validations else None
    return run.step == run.total_steps == validated


def _use(args: argparse.Namespace, data: OwnData, records: Path) -> None:
    """Predicts validation images with the trained model and exports it."""
    folder = args.output_dir
    checkpoint = folder / "run" / "model" / "last"
    images, exported = data.images(_validation_ids(records)), folder / "exported"
    if images:
        output = ["--output-dir", folder / "predictions", "--resume"]
        run_command("predict", *images, "--checkpoint", checkpoint, *output, *data.page_options)
    if not any(exported.glob("*.tflite")):  # the last of the formats
        output = ["--output-dir", exported, "--formats", *_FORMATS]
        run_command("export_model", "--checkpoint", checkpoint, *output)
    found = metrics_of(folder / "evaluation")
    print(f"\nmean IoU {found['mean_iou']:.4f}, pixel accuracy {found['pixel_accuracy']:.4f}")
    print(f"report: {folder / 'report.html'}; data: {folder / 'inspection.html'}")
    print(f"plan: {folder / 'recipe.toml'}; exported: {exported}")
    print(
        f"next: {command_line.typed('predict')} YOUR_IMAGES --checkpoint {checkpoint} "
        "--output-dir predictions"
    )


def _validation_ids(records: Path) -> list[str]:
    """Returns the ids of a few validation images, evenly taken."""
    command_line.load_tensorflow()
    from tf_image_segmentation.tfrecords.reader import read_examples

    ids = [image_id for _, _, image_id in read_examples(records, "val")]
    return ids[:: max(1, len(ids) // _MOST_PREDICTED)][:_MOST_PREDICTED]


def _cross_validate(args: argparse.Namespace, records: Path, minutes: float) -> None:
    """Trains and evaluates a model for each fold and writes the summary."""
    folds = sorted(
        (path.parent for path in records.glob("fold_*/manifest.json")),
        key=lambda fold: int(fold.name.removeprefix("fold_")),
    )
    evaluations = {}
    for fold in folds:
        _train(args, args.output_dir / fold.name, fold, minutes)
        evaluations[fold.name] = args.output_dir / fold.name / "evaluation"
    text = fold_summary({name: folder / "metrics.json" for name, folder in evaluations.items()})
    write_text(args.output_dir / "folds.md", text)
    print(f"\n{text}\nwrote {args.output_dir / 'folds.md'}")
