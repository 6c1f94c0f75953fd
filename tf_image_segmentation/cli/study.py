"""Tells which change of a recipe helps: trains the base and each change with the same seeds.

All further options are those of train.py. The same command goes on with a study that was stopped.
DIR gets a folder of runs for the base and each change, study.md with the last validations (mean,
standard deviation, and the difference to the base, paired by seed) and study.png with the curves.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.stages import run_command

BASE = "base"
_RESERVED = {"--resume", "--run-dir", "--seed", "--recipe"}


def main() -> None:
    """Parses the command line, trains what is not yet trained, and writes table and curves."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("base", metavar="NAME|FILE.toml", help="recipe that the changes are made to")
    add("--model", required=True, metavar="NAME", help="registered model, such as fcn_8s")
    add(
        "--change",
        action="append",
        default=[],
        metavar='"KEY=VALUE ..."',
        help="fields to change, as for --set of train.py; may be given several times, each is "
        "compared to the base",
    )
    add("--seeds", type=int, default=3, metavar="N", help="runs of the base and of each change")
    add("--steps", type=int, help="of each run; None takes the recipe's")
    add("--output-dir", type=Path, default="study", metavar="DIR", help="gets runs and results")
    parser.allow_abbrev = False  # --seed is an option of train.py
    args, options = parser.parse_known_args()

    command_line.load_tensorflow()
    from tf_image_segmentation.errors import DataError
    from tf_image_segmentation.reports.run_curves import save_curves
    from tf_image_segmentation.reports.run_groups import markdown_table
    from tf_image_segmentation.training.parts import check_parts
    from tf_image_segmentation.training.recipe import load_recipe
    from tf_image_segmentation.training.run_files import read_runs

    if args.seeds < 1:
        raise DataError(f"--seeds must be at least 1, got {args.seeds}")
    reserved = _RESERVED & {option.split("=")[0] for option in options}
    if reserved:
        raise DataError(f"{', '.join(sorted(reserved))}: the study sets this itself; leave it out")
    changes = {BASE: [], **{text: split_change(text) for text in args.change}}
    plugins = ["--plugins", *args.plugins] if args.plugins else []
    steps = [] if args.steps is None else ["--steps", str(args.steps)]
    common = ["--model", args.model, "--recipe", args.base, *steps, *options]
    for change in changes.values():  # all mistakes are found before the first run
        check_parts(load_recipe(args.base, args.model, change), args.model)
    folders = {name: args.output_dir / folder_name(name) for name in changes}
    for seed in range(args.seeds):
        for name, change in changes.items():
            settings = [word for setting in change for word in ("--set", setting)]
            run_dir = folders[name] / f"seed{seed}"
            words = [*common, *settings, *plugins, "--seed", seed, "--run-dir", run_dir]
            run_command("train", *words, "--resume")
    groups = {
        name: read_runs([folder / f"seed{seed}" for seed in range(args.seeds)])
        for name, folder in folders.items()
    }
    table = markdown_table(groups, BASE)
    (args.output_dir / "study.md").write_text(table)
    save_curves(groups, args.output_dir / "study.png")
    print(f"\n{table}\nwrote {args.output_dir / 'study.md'} and {args.output_dir / 'study.png'}")


def split_change(text: str) -> list[str]:
    """Returns the settings in ``"a=1 b=[2, 3]"``; blanks inside brackets and quotes stay."""
    settings: list[str] = []
    for word in re.split(r"\s+(?=[\w.*\"-]+=)", text.strip()):
        if settings and not _is_closed(settings[-1]):
            settings[-1] += f" {word}"
        else:
            settings.append(word)
    return settings


def _is_closed(text: str) -> bool:
    opened = sum(text.count(bracket) for bracket in "[{")
    return opened == sum(text.count(bracket) for bracket in "]}") and text.count('"') % 2 == 0


def folder_name(change: str) -> str:
    """Returns a folder name that tells the change apart from others."""
    name = re.sub(r"[^\w.=-]+", "_", change)[:60]
    digest = hashlib.sha256(change.encode()).hexdigest()[:6]
    return name if name == change else f"{name}-{digest}"
