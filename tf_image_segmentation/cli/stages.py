"""Runs commands one after another, the three stages of training among them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.plugins import loaded_plugins

STAGES = ("fcn32s", "fcn16s", "fcn8s")


def run_command(name: str, *arguments: object) -> None:
    """Shows and runs a command, with the plugins of this one.

    Its failure ends this program with the same exit code.
    """
    plugins = [*loaded_plugins().values()]
    words = [str(word) for word in [*arguments, *(["--plugins", *plugins] if plugins else [])]]
    print(f"\n$ {command_line.typed(name)} {shlex.join(words)}", flush=True)
    command = [sys.executable, "-m", "tf_image_segmentation", name, *words]
    environment = dict(os.environ)
    if command_line.is_script():
        environment[command_line.SCRIPTS_ARE_TYPED] = "1"
    process = subprocess.Popen(command, env=environment)
    try:
        status = process.wait()
    except BaseException:
        # Training saves its work when it is asked to stop; do not go before it has.
        process.terminate()
        process.wait()
        raise
    if status:
        raise SystemExit(status)


def train_stages(
    output_dir: Path,
    options: Sequence[object],
    init_checkpoint: Path | None = None,
) -> list[Path]:
    """Trains FCN-32s, FCN-16s from it and FCN-8s from that; a stage that was stopped goes on.

    Args:
        output_dir: gets a run folder for each stage.
        options: further options of all three.
        init_checkpoint: what FCN-32s starts from.

    Returns:
        The models of the three stages, ``<output_dir>/fcn32s/model/best`` and so on.
    """
    models: list[Path] = []
    for stage in STAGES:
        run_dir = output_dir / stage
        start = models[-1] if models else init_checkpoint
        init = [] if start is None else ["--init-checkpoint", start]
        run_command(f"train_{stage}", "--run-dir", run_dir, "--resume", *options, *init)
        models.append(run_dir / "model" / "best")
    return models


def metrics_of(evaluation: Path) -> dict[str, float]:
    """Returns the metrics that evaluate.py wrote into its ``--output-dir``."""
    return json.loads((evaluation / "metrics.json").read_text())["metrics"]
