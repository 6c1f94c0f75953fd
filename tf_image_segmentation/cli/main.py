"""The command ``tf-image-segmentation``: one entry point for all commands."""

from __future__ import annotations

import ast
import difflib
import importlib
import sys
from pathlib import Path
from typing import NoReturn

from tf_image_segmentation.cli import command_line

COMMANDS = (
    "choose_threshold",
    "compare_models",
    "compare_runs",
    "convert_dataset",
    "convert_pascal_voc",
    "demo",
    "download_dataset",
    "download_pascal_voc",
    "download_weights",
    "evaluate",
    "export_model",
    "inspect_dataset",
    "inspect_tfrecords",
    "list_models",
    "make_shapes",
    "pack_model",
    "plan",
    "predict",
    "reproduce_camvid",
    "study",
    "train",
    "train_fcn16s",
    "train_fcn32s",
    "train_fcn8s",
    "train_my_data",
    "tune_crf",
)
"""Modules of this package with a ``main``, each a command of the same name."""

ALIASES = {
    "auto": "train_my_data",
    "compare": "compare_models",
    "convert": "convert_dataset",
    "export": "export_model",
    "inspect": "inspect_dataset",
    "models": "list_models",
}


def main() -> NoReturn:
    """Runs the command that the first argument names with the arguments after it."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print(_help())
        sys.exit(0)
    command = name.replace("-", "_")
    command = ALIASES.get(command, command)
    if command not in COMMANDS:
        near = difflib.get_close_matches(command, [*COMMANDS, *ALIASES], n=1)
        hint = f"did you mean {near[0].replace('_', '-')}? " if near else ""
        sys.exit(
            f"error: there is no command {name!r}; {hint}{command_line.CONSOLE_COMMAND} --help "
            "lists all"
        )
    sys.argv[:2] = [f"{command_line.CONSOLE_COMMAND} {name}"]
    command_line.run(importlib.import_module(f"tf_image_segmentation.cli.{command}").main)


def _help() -> str:
    """Lists the commands with the first line of their documentation, without importing them."""
    lines = [f"usage: {command_line.CONSOLE_COMMAND} COMMAND [--help] ...", "", "commands:"]
    for command in COMMANDS:
        source = Path(__file__).with_name(f"{command}.py").read_text(encoding="utf-8")
        summary = (ast.get_docstring(ast.parse(source)) or "").splitlines()[0]
        lines.append(f"  {command.replace('_', '-'):20} {summary}")
    short = ", ".join(f"{alias} for {ALIASES[alias].replace('_', '-')}" for alias in ALIASES)
    return "\n".join([*lines, "", f"short names: {short}"])
