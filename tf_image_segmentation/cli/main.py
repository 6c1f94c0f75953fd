"""The command ``tf-image-segmentation``: one entry point for all commands."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

from tf_image_segmentation.cli import command_line

COMMANDS = (
    "compare_models",
    "compare_runs",
    "convert_dataset",
    "convert_pascal_voc",
    "demo",
    "download_dataset",
    "download_pascal_voc",
    "evaluate",
    "export_model",
    "inspect_dataset",
    "inspect_tfrecords",
    "make_shapes",
    "predict",
    "reproduce_camvid",
    "train",
    "train_fcn16s",
    "train_fcn32s",
    "train_fcn8s",
    "tune_crf",
)
"""Modules of this package with a ``main``, each a command of the same name."""


def main() -> NoReturn:
    """Runs the command that the first argument names with the arguments after it."""
    name = sys.argv[1].replace("-", "_") if len(sys.argv) > 1 else "__help"
    if name not in COMMANDS:
        listed = "\n  ".join(command.replace("_", "-") for command in COMMANDS)
        print(f"usage: tf-image-segmentation COMMAND [--help] ...\n\ncommands:\n  {listed}")
        sys.exit(0 if name in ("__help", "_h") else 2)
    sys.argv[:2] = [f"tf-image-segmentation {sys.argv[1]}"]
    command_line.run(importlib.import_module(f"tf_image_segmentation.cli.{name}").main)
