"""Which recipe train.py takes where none is named, and how --recipe auto makes one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tf_image_segmentation.atomic import write_text
from tf_image_segmentation.cli import command_line
from tf_image_segmentation.datasets.registry import DATASETS
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.planning.rules import MINUTES
from tf_image_segmentation.training.recipe import built_in_recipes
from tf_image_segmentation.training.run_files import CONFIG_FILE

if TYPE_CHECKING:  # TensorFlow takes seconds to load, and --help should not wait for it
    from tf_image_segmentation.tfrecords.manifest import Manifest

AUTO = "auto"
PLAN_FILE = "recipe.toml"
"""In the folder of a run: the plan that it follows."""


def chosen_recipe(args: argparse.Namespace, usual: str | None) -> str:
    """Returns what --recipe says, or what is taken without it.

    Args:
        args: the parsed command line.
        usual: recipe for registered datasets; None demands that one is named.

    Raises:
        DataError: the records are of a registered dataset and no recipe is usual, or --minutes
            goes with a recipe that has its steps.
    """
    recipe = args.recipe
    if recipe is None:
        registered = _registered_dataset(args)
        if registered is not None and usual is None:
            raise DataError(
                f"the records are of the registered dataset {registered!r}; name a recipe with "
                f"--recipe, one of {', '.join(built_in_recipes())}, a file, or {AUTO}"
            )
        recipe = AUTO if registered is None else usual
    if args.minutes is not None and recipe != AUTO:
        raise DataError(
            f"--minutes goes with --recipe {AUTO}; recipe {recipe} has its own steps, which "
            "--steps changes"
        )
    return str(recipe)


def _registered_dataset(args: argparse.Namespace) -> str | None:
    """Returns the name of the published dataset that the records are of, if all of them are.

    Records without a manifest count as published, because --dataset must name what they are.
    """
    command_line.load_tensorflow()
    from tf_image_segmentation.tfrecords.manifest import MANIFEST_FILE, Manifest

    found = args.dataset or "unknown"
    for folder in args.tfrecords:
        if not (Path(folder) / MANIFEST_FILE).is_file():
            continue
        info = Manifest.read(Path(folder)).info
        known = DATASETS[info.name].fixed_info if info.name in DATASETS else None
        if known is None or known.class_names != info.class_names:
            return None
        found = info.name
    return found


def plan_of_run(
    args: argparse.Namespace, model: str, run_dir: Path, changes: Sequence[str]
) -> Path:
    """Returns the plan of a run as a recipe file, which is made before its first step.

    Args:
        args: the parsed command line.
        model: name of the model.
        run_dir: folder of the run, which keeps the file.
        changes: of the recipe that the command line asks for.

    Raises:
        DataError: several workers train, or see `plan_recipe`.
    """
    path = run_dir / PLAN_FILE
    if path.exists() and (args.resume or (run_dir / CONFIG_FILE).exists()):
        return path
    if args.strategy == "multi_worker":
        raise DataError(
            f"--recipe {AUTO} measures one machine; write a recipe with plan.py first, and give it "
            "to all workers"
        )
    text = written_plan(args, model, changes)
    run_dir.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    print(f"{path}: the plan of this run, with a comment for each choice")
    return path


def written_plan(args: argparse.Namespace, model: str, changes: Sequence[str]) -> str:
    """Returns the text of a plan for the records that the options name."""
    from tf_image_segmentation.planning.planner import plan_recipe
    from tf_image_segmentation.tfrecords.mixture import make_mixture
    from tf_image_segmentation.tfrecords.reader import open_mixture, open_records

    if len(args.tfrecords) == 1 and args.class_map is None:
        records = open_records(args.tfrecords[0], "train")
    else:
        records = open_mixture(make_mixture(args.tfrecords, args.class_map, None), "train")
    return plan_recipe(
        records,
        model,
        MINUTES if args.minutes is None else args.minutes,
        val_images=_val_images(args, records.manifest),
        init=args.init_checkpoint,
        changes=changes,
        dataset=args.dataset,
    )


def _val_images(args: argparse.Namespace, manifest: Manifest | None) -> int:
    from tf_image_segmentation.tfrecords.reader import open_records

    if args.val_tfrecords is not None:
        return open_records(args.val_tfrecords, "val").num_examples
    if manifest is None or "val" not in manifest.splits:
        return 0
    return manifest.splits["val"].examples
