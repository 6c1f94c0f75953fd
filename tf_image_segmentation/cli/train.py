"""Trains a model on records that convert_dataset.py or convert_pascal_voc.py wrote."""

from __future__ import annotations

import argparse
import inspect
import re
from pathlib import Path
from typing import Any

import msgspec

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.recipe_choice import AUTO, chosen_recipe, plan_of_run
from tf_image_segmentation.planning.rules import MINUTES
from tf_image_segmentation.training.config import STRATEGIES, TrainingConfig
from tf_image_segmentation.training.recipe import Recipe, built_in_recipes, load_recipe

_EXIT_CODES = (
    "exit codes: 0 done; 1 bad input, a lost worker or a failing disk; 130 and 143 stopped by\n"
    "Ctrl-C and by SIGTERM, after finishing the step and saving"
)
USUAL_RECIPE = "pascal_voc"
"""Of the FCN commands, for records of a registered dataset."""
_COLORS = ("none", "fast", "full")
# Options that set a field of the recipe: name, what it is, further arguments of argparse.
_FIELD_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "steps": ("optimizer steps", {"type": int}),
    "batch_size": ("crops a step", {"type": int}),
    "crop_size": ("multiples of the model's divisor", {"metavar": "SIDE|HEIGHTxWIDTH"}),
    "learning_rate": ("peak learning rate", {"type": float}),
    "compute_dtype": ("type of the convolutions; weights and loss stay float32", {}),
    "new_layers": (
        "layers that may start as initialized, where --init-checkpoint lacks them or has another "
        "shape, such as fc8 for other classes",
        {"nargs": "*", "metavar": "LAYER"},
    ),
    "validation_interval": ("steps between validations, or minutes, such as 10m", {}),
    "checkpoint_interval": ("steps or minutes between checkpoints", {}),
}


def field_meanings() -> dict[str, str]:
    """Returns what the documentation of `Recipe` says about each field, by its name."""
    docs = re.findall(r"(?m)^    (\w+): (.+(?:\n        .+)*)", inspect.getdoc(Recipe) or "")
    meaning = {name: " ".join(text.split()) for name, text in docs}
    return {field.name: meaning[field.name] for field in msgspec.structs.fields(Recipe)}


def _fields_text() -> str:
    """Returns the fields of a recipe with their defaults and the first sentence about them."""
    defaults = Recipe().to_json()
    lines = [
        f"  {name} = {msgspec.json.encode(defaults[name]).decode()}\n      {meaning}"
        for name, meaning in field_meanings().items()
    ]
    return "\n".join(["fields of a recipe, with their defaults:", *lines])


def _recipes_text() -> str:
    names = [f"  {name:12} {title}" for name, title in built_in_recipes().items()]
    return "\n".join(["built-in recipes:", *names])


def make_parser(model: str | None, description: str | None = __doc__) -> command_line.Parser:
    """Returns the parser of the training commands; without a model, it has the option --model."""
    parser = command_line.parser(description)
    parser.epilog = "\n\n".join([_EXIT_CODES, _recipes_text(), _fields_text()])
    add = parser.add_argument
    if model is None:
        add("--model", required=True, metavar="NAME", help="registered model, such as fcn_8s")
    add(
        "--recipe",
        metavar="NAME|FILE.toml|auto",
        help="a built-in recipe, see below, a file, or auto, a plan for these records on this "
        "machine, which RUN_DIR/recipe.toml explains; None is auto where the records are of no "
        "registered dataset" + ("" if model is None else f", else {USUAL_RECIPE}"),
    )
    add("--minutes", type=float, help=f"for training with --recipe auto; None is {MINUTES:g}")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="changes a field of the recipe, with a value as in TOML: steps=100, "
        "optimizer.name=momentum, models.fcn_8s.fc_channels=512; may be given several times",
    )
    _add_inputs(parser, model)
    for name, (meaning, kind) in _FIELD_OPTIONS.items():
        option = f"--{name.replace('_', '-')}"
        add(option, default=None, help=f"{meaning}; None takes the recipe's", **kind)
    add("--color-distortion", choices=_COLORS, help="random color changes; None: the recipe's")
    add("--keep-checkpoints", type=int, default=3, help="how many of the newest checkpoints stay")
    add(
        "--strategy",
        choices=STRATEGIES,
        default="default",
        help="one device, all GPUs of this machine, or the workers that TF_CONFIG or Slurm name",
    )
    add("--seed", type=int, default=0, help="decides everything that is random")
    add(
        "--resume",
        action="store_true",
        help="continue the run in --run-dir; without it, a folder with a run is refused",
    )
    return parser


def _add_inputs(parser: argparse.ArgumentParser, model: str | None) -> None:
    add = parser.add_argument
    add(
        "--tfrecords",
        required=True,
        nargs="+",
        metavar="RECORDS",
        help="records to train on: a folder, a file or a quoted glob; several folders train "
        "together, and RUN_DIR/data records how",
    )
    add(
        "--class-map",
        metavar="FILE",
        help="JSON file that puts the classes of --tfrecords into one space; without it, all "
        "folders must have the same classes",
    )
    add(
        "--sampling-weights",
        nargs="+",
        type=float,
        metavar="WEIGHT",
        help="one for each folder of --tfrecords: how often an example of it is taken, in "
        "proportion; without them, each example is as likely",
    )
    add("--val-tfrecords", help='records to validate on; without it the "val" split of --tfrecords')
    add("--dataset", help="registered dataset, for records without a manifest")
    add(
        "--init-checkpoint",
        metavar="NAME|PATH|none",
        help="weights to start from: a name that list_models.py lists, vgg_16.ckpt, a coarser FCN, "
        "an .npz, or none for random ones; None takes the recipe's init",
    )
    run_dir = f"runs/{model or 'MODEL'}"
    add("--run-dir", type=Path, help=f"folder of this run; None takes {run_dir}")


def _changes(args: argparse.Namespace) -> list[str]:
    """Returns what the options change in the recipe, as `load_recipe` takes it."""
    changes = []
    for name in _FIELD_OPTIONS:
        value = getattr(args, name)
        if name == "crop_size" and value is not None:
            value = f"[{value.lower().replace('x', ', ')}]" if "x" in value.lower() else value
        elif isinstance(value, list):
            value = msgspec.json.encode(value).decode()
        if value is not None:
            changes.append(f"{name}={value}")
    return [*changes, *args.set]


def _with_color(recipe: Recipe, mode: str | None) -> Recipe:
    """Returns the recipe with the color augmentation that --color-distortion asks for."""
    if mode is None:
        return recipe
    others = [part.to_json() for part in recipe.augmentations if part.name != "color"]
    if mode != "none":
        # After the flip, before the scale; the color of padding, which comes last, stays.
        color = "color" if mode == "full" else {"name": "color", "mode": mode}
        others.insert(1 if others and others[0] == "flip" else 0, color)
    return msgspec.structs.replace(recipe, augmentations=others)


def read_config(args: argparse.Namespace, model: str) -> TrainingConfig:
    """Returns the configuration that the options describe."""
    changes = _changes(args)
    source: str | Path = args.recipe
    run_dir = args.run_dir or Path("runs") / model
    if source == AUTO:
        source = plan_of_run(args, model, run_dir, changes)
    recipe = load_recipe(source, model, changes)
    return TrainingConfig(
        model=model,
        recipe=_with_color(recipe, args.color_distortion),
        tfrecords=args.tfrecords[0] if len(args.tfrecords) == 1 else tuple(args.tfrecords),
        run_dir=run_dir,
        val_tfrecords=args.val_tfrecords,
        init_checkpoint=args.init_checkpoint,
        dataset=args.dataset,
        class_map=args.class_map,
        sampling_weights=None if args.sampling_weights is None else tuple(args.sampling_weights),
        seed=args.seed,
        keep_checkpoints=args.keep_checkpoints,
    )


def resolved_config(args: argparse.Namespace, model: str, usual: str | None) -> TrainingConfig:
    """Does what `read_config` does, with the recipe that `chosen_recipe` chooses."""
    args.recipe = chosen_recipe(args, usual)
    if args.recipe == AUTO:  # else a wrong recipe is told of at once
        command_line.load_tensorflow()
    return read_config(args, model)


def main(model: str | None = None, description: str | None = __doc__) -> int:
    """Parses the command line, trains and returns the exit code, which the help explains.

    Args:
        model: what is trained; None adds the option --model.
        description: of the command.
    """
    args = make_parser(model, description).parse_args()
    config = resolved_config(args, model or args.model, None if model is None else USUAL_RECIPE)
    command_line.load_tensorflow()
    from tf_image_segmentation.training.distribution import make_strategy
    from tf_image_segmentation.training.loop import train

    strategy = make_strategy(args.strategy)  # before TensorFlow does anything else
    run_dir = config.run_dir
    result = train(config, resume=args.resume, strategy=strategy)
    print(f"{run_dir}: step {result.step}")
    if result.best_mean_iou is not None:
        print(f"validation mean IoU: best {result.best_mean_iou:.4f}, last {result.mean_iou:.4f}")
    if result.exit_code:
        print("stopped before the end; the same command with --resume goes on")
    else:
        print(f"models: {run_dir / 'model' / 'best'} and {run_dir / 'model' / 'last'}")
    return result.exit_code
