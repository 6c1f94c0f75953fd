"""Runs trainers inside a test, and reads what they wrote."""

from __future__ import annotations

import json
import os
import signal

from tf_image_segmentation.training.loop import Trainer, train


def run_quietly(config, resume=False, callbacks=()):
    return train(config, resume=resume, progress=False, callbacks=callbacks)


def losses(config) -> dict[int, float]:
    lines = (config.run_dir / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line) for line in lines]
    assert len({line["step"] for line in steps if "loss" in line}) == sum(
        "loss" in line for line in steps
    )
    return {line["step"]: line["loss"] for line in steps if "loss" in line}


class StopAfter:
    """Stands in for the receiver of signals: SIGTERM arrives during the given step."""

    def __init__(self, monkeypatch, step: int, action=None) -> None:
        original = Trainer._run_step

        def run_step(trainer, batch, number):
            loss = original(trainer, batch, number)
            if number == step:
                (action or (lambda: os.kill(os.getpid(), signal.SIGTERM)))()
            return loss

        monkeypatch.setattr(Trainer, "_run_step", run_step)
