"""One process of a distributed run, for tests: ``worker.py STRATEGY CONFIG_JSON [STEP SIGNAL]``.

With STEP and SIGNAL, the process sends itself that signal in the middle of that step. Environment
variable LOGICAL_CPUS splits the CPU, so that one process has several devices.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import tensorflow as tf

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.training import Recipe, TrainingConfig
from tf_image_segmentation.training.distribution import make_strategy
from tf_image_segmentation.training.loop import Trainer, train


def config_from(fields: dict) -> TrainingConfig:
    recipe = Recipe.from_plain(fields.pop("recipe"), "recipe")
    return TrainingConfig(recipe=recipe, run_dir=Path(fields.pop("run_dir")), **fields)


def signal_self_in(step: int, number: int) -> None:
    original = Trainer._run_step

    def run_step(trainer, batch, current):
        if current == step:
            os.kill(os.getpid(), number)
        return original(trainer, batch, current)

    Trainer._run_step = run_step


def main() -> int:
    strategy, config, *at = sys.argv[1:]
    if at:
        signal_self_in(int(at[0]), int(at[1]))
    count = int(os.environ.get("LOGICAL_CPUS", 1))
    if count > 1:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * count,
        )
    result = train(config_from(json.loads(config)), True, False, make_strategy(strategy))
    return result.exit_code


if __name__ == "__main__":
    command_line.run(main)
