"""Shows training runs beside one another: tables for the terminal."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from tf_image_segmentation.training.run_files import Run, differences

_VALIDATION = ("val_mean_iou", "val_pixel_accuracy")
_VALIDATION_TITLES = (
    "best\nmean\nIoU",
    "best\npixel\nacc.",
    "best\nat\nstep",
    "last\nmean\nIoU",
    "last\npixel\nacc.",
)
_LONGEST_VALUE = 80


def difference_table(runs: Sequence[Run]) -> Table | None:
    """Returns a table of the settings that differ and of who has which value; None if none do.

    ``run_dir`` is left out: it differs always, and the runs are named by it.
    """
    found = differences([run.config for run in runs])
    found.pop("run_dir", None)
    if not found:
        return None
    table = Table(title="settings that differ")
    table.add_column("setting", overflow="fold")
    table.add_column("value", overflow="fold")
    table.add_column("runs", overflow="fold")
    for field, values in found.items():
        holders: dict[str, list[str]] = {}
        for run, value in zip(runs, values, strict=True):
            holders.setdefault(_shown(value), []).append(run.name)
        for number, (value, names) in enumerate(holders.items(), start=1):
            last = number == len(holders)
            table.add_row(field if number == 1 else "", value, ", ".join(names), end_section=last)
    return table


def _shown(value: Any) -> str:
    text = str(value)
    if len(text) <= _LONGEST_VALUE:
        return text
    # Such as the checksums of all record files, in which nobody finds the one that differs.
    digest = hashlib.sha256(json.dumps(value).encode()).hexdigest()
    size = f"{len(value)} values" if isinstance(value, list) else f"{len(text)} characters"
    return f"{size}, sha256 {digest[:12]}"


def summary_table(runs: Sequence[Run], smoothing: int) -> Table:
    """Returns a table with one row a run: how far it is, its loss, its best and last validation.

    The loss is the mean over the last ``smoothing`` steps. The best validation is the one with the
    highest mean IoU; both are in percent.
    """
    table = Table(title=f"loss: mean of {smoothing} steps; validation: percent")
    table.add_column("run", overflow="fold")
    for title in ("step", "loss", *_VALIDATION_TITLES):
        table.add_column(title, justify="right")
    for run in runs:
        best, last = run.best_validation, run.validations[-1] if run.validations else None
        losses = run.curve("loss")[1][-smoothing:]
        table.add_row(
            run.name,
            f"{run.step}/{run.total_steps or '?'}",
            f"{np.mean(losses):.4f}" if losses else "-",
            *_percent(best),
            str(best["step"]) if best else "-",
            *_percent(last),
        )
    return table


def _percent(validation: Mapping[str, Any] | None) -> list[str]:
    values = [(validation or {}).get(field, math.nan) for field in _VALIDATION]
    return ["-" if math.isnan(value) else f"{100 * value:.2f}" for value in values]
