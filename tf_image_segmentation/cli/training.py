"""The command line of ``scripts/train_fcn32s.py`` and its siblings."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.training.config import (
    COLOR_DISTORTIONS,
    COMPUTE_DTYPES,
    STRATEGIES,
    Recipe,
    TrainingConfig,
)
from tf_image_segmentation.training.recipes import RECIPES

# Options of this name replace the recipe's value.
_OVERRIDES = (
    "steps",
    "batch_size",
    "crop_size",
    "learning_rate",
    "compute_dtype",
    "validation_interval",
    "color_distortion",
    "new_layers",
)

_EXIT_CODES = (
    "exit codes: 0 done; 1 bad input, a lost worker or a failing disk; 130 and 143 stopped by\n"
    "Ctrl-C and by SIGTERM, after finishing the step and saving"
)


def _recipes_text(model: str) -> str:
    lines = ["recipes and what they set (options replace single values):"]
    for name, stages in RECIPES.items():
        lines.append(f"\n{name}")
        lines += [f"  {f.name} = {getattr(stages[model], f.name)}" for f in fields(Recipe)]
    return "\n".join(lines)


def _crop_size(text: str) -> tuple[int, int]:
    sides = [int(side) for side in text.lower().split("x")]
    if len(sides) not in (1, 2):
        raise ValueError(text)
    return sides[0], sides[-1]


def _parser(model: str, description: str) -> argparse.ArgumentParser:
    parser = command_line.parser(description)
    parser.epilog = f"{_EXIT_CODES}\n\n{_recipes_text(model)}"
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
    add("--init-checkpoint", help="weights to start from: vgg_16.ckpt, a coarser FCN, or an .npz")
    add("--run-dir", type=Path, default=Path("runs") / model, help="folder of this run")
    add("--recipe", choices=sorted(RECIPES), default="pascal_voc", help="see below")

    def override(option: str, help: str, **kind: Any) -> None:
        add(option, default=argparse.SUPPRESS, help=f"{help} (default: the recipe's)", **kind)

    override("--steps", "optimizer steps", type=int)
    override("--batch-size", "crops a step", type=int)
    override("--crop-size", "multiples of 32", type=_crop_size, metavar="SIDE|HEIGHTxWIDTH")
    override("--learning-rate", "peak learning rate", type=float)
    override(
        "--compute-dtype",
        "type of the convolutions; weights and loss stay float32",
        choices=COMPUTE_DTYPES,
    )
    override("--color-distortion", "random color changes", choices=COLOR_DISTORTIONS)
    override(
        "--new-layers",
        "layers that may start as initialized, where --init-checkpoint lacks them or has another "
        "shape, such as fc8 for other classes",
        nargs="*",
        metavar="LAYER",
    )
    override("--validation-interval", "steps between validations", type=int)
    add("--checkpoint-interval", type=int, default=1000, help="steps between checkpoints")
    add("--keep-checkpoints", type=int, default=3, help="how many of the newest checkpoints stay")
    add(
        "--strategy",
        choices=STRATEGIES,
        default="default",
        help="one device, all GPUs of this machine, or the workers that TF_CONFIG or Slurm name",
    )
    add("--dataset", help="registered dataset, for records without a manifest")
    add("--seed", type=int, default=0, help="decides everything that is random")
    add(
        "--resume",
        action="store_true",
        help="continue the run in --run-dir; without it, a folder with a run is refused",
    )
    return parser


def main(model: str, description: str) -> int:
    """Parses the command line, trains ``model`` and returns the exit code.

    The help says what the exit codes mean.
    """
    args = _parser(model, description).parse_args()
    given = {name: value for name, value in vars(args).items() if name in _OVERRIDES}
    if "new_layers" in given:
        given["new_layers"] = tuple(given["new_layers"])
    config = TrainingConfig(
        model=model,
        recipe=replace(RECIPES[args.recipe][model], **given),
        tfrecords=args.tfrecords[0] if len(args.tfrecords) == 1 else tuple(args.tfrecords),
        run_dir=args.run_dir,
        val_tfrecords=args.val_tfrecords,
        init_checkpoint=args.init_checkpoint,
        dataset=args.dataset,
        class_map=args.class_map,
        sampling_weights=None if args.sampling_weights is None else tuple(args.sampling_weights),
        seed=args.seed,
        checkpoint_interval=args.checkpoint_interval,
        keep_checkpoints=args.keep_checkpoints,
    )
    command_line.load_tensorflow()
    from tf_image_segmentation.training.distribution import make_strategy
    from tf_image_segmentation.training.trainer import train

    strategy = make_strategy(args.strategy)  # before TensorFlow does anything else
    print(f"{model}, recipe {args.recipe}, {config.recipe.steps} steps, into {args.run_dir}")
    result = train(config, resume=args.resume, strategy=strategy)
    print(f"{args.run_dir}: step {result.step}")
    if result.best_mean_iou is not None:
        print(f"validation mean IoU: best {result.best_mean_iou:.4f}, last {result.mean_iou:.4f}")
    if result.exit_code:
        print("stopped before the end; the same command with --resume goes on")
    else:
        print(f"models: {args.run_dir / 'model' / 'best'} and {args.run_dir / 'model' / 'last'}")
    return result.exit_code
