"""Runs that differ only in the seed: their last validations as mean and deviation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tf_image_segmentation.reports.run_comparison import smooth
from tf_image_segmentation.training.run_files import Run, differences

_PANELS = {"loss": "training loss", "val_mean_iou": "validation mean IoU"}
_OWN_FIELDS = {"seed", "run_dir"}

Groups = Mapping[str, Sequence[Run]]


def group_by_seed(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Returns the runs that differ only in seed and folder together, named by the first of each."""
    groups: list[list[Run]] = []
    for run in runs:
        for group in groups:
            if set(differences([group[0].config, run.config])) <= _OWN_FIELDS:
                group.append(run)
                break
        else:
            groups.append([run])
    return {group[0].name: group for group in groups}


def last_values(run: Run) -> dict[str, float]:
    """Returns the numbers of the last validation by name, without ``val_``; empty if none was."""
    line = run.validations[-1] if run.validations else {}
    return {
        name.removeprefix("val_"): float(value)
        for name, value in line.items()
        if name.startswith("val_") and isinstance(value, int | float)
    }


def spread(values: Sequence[float]) -> str:
    """Returns the mean and, of two values or more, the sample standard deviation (n - 1)."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "-"
    mean = f"{statistics.mean(known):.4f}"
    return mean if len(known) == 1 else f"{mean} ± {statistics.stdev(known):.4f}"


def markdown_table(groups: Groups, base: str | None = None) -> str:
    """Returns one row a group with mean and deviation of each metric of the last validation.

    Args:
        groups: runs by the name of their group.
        base: the group that the others are compared to: a second column a metric has the
            differences of the runs of the same seed. None leaves these columns out.
    """
    runs = [run for group in groups.values() for run in group]
    metrics = list(dict.fromkeys(metric for run in runs for metric in last_values(run)))
    header = ["runs", "seeds"]
    for metric in metrics:
        header += [metric] if base is None else [metric, f"{metric} - base"]
    rows = [header, ["---"] * 2 + ["---:"] * (len(header) - 2)]
    for name, group in groups.items():
        cells = [f"`{name.replace('|', chr(92) + '|')}`", str(len(group))]
        for metric in metrics:
            cells.append(spread([last_values(run).get(metric, math.nan) for run in group]))
            if base is not None:
                paired = [] if name == base else _differences(groups[base], group, metric)
                cells.append(spread(paired))
        rows.append(cells)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _differences(base: Sequence[Run], runs: Sequence[Run], metric: str) -> list[float]:
    """Returns how much more each run has than the base's of the same seed."""
    of_base = {run.config.get("seed"): last_values(run).get(metric, math.nan) for run in base}
    return [
        last_values(run).get(metric, math.nan) - of_base[run.config.get("seed")]
        for run in runs
        if run.config.get("seed") in of_base
    ]


def save_curves(groups: Groups, path: Path, smoothing: int = 50) -> None:
    """Draws loss and validation mean IoU of each group: the mean of its runs, and their range.

    Args:
        groups: runs by the name of their group.
        path: a picture such as ``curves.png``.
        smoothing: steps of the running mean of the loss.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5), layout="constrained")
    for axes, (field, title) in zip(figure.subplots(1, 2), _PANELS.items(), strict=True):
        for number, (name, group) in enumerate(groups.items()):
            steps, values = _common_curves(group, field)
            if field == "loss":
                values = np.array([smooth(row, smoothing) for row in values])
            color, marker = f"C{number % 10}", "" if len(steps) > 30 else "o"
            if len(steps):
                axes.plot(steps, values.mean(axis=0), color=color, marker=marker, label=name)
                low, high = values.min(axis=0), values.max(axis=0)
                axes.fill_between(steps, low, high, color=color, alpha=0.2)
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
    lines = figure.axes[0].get_lines()  # none without a step
    legend = figure.legend(handles=lines, loc="outside upper center", ncols=2)
    for text in legend.get_texts():
        text.set_parse_math(False)
    figure.savefig(path, dpi=120)


def _common_curves(runs: Sequence[Run], field: str) -> tuple[list[int], np.ndarray]:
    """Returns the steps at which all runs recorded a field, and its values, one row a run."""
    curves = [dict(zip(*run.curve(field), strict=True)) for run in runs]
    steps = sorted(set.intersection(*map(set, curves)))
    return steps, np.array([[curve[step] for step in steps] for curve in curves])
