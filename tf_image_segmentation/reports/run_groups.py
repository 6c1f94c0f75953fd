"""Runs that differ only in the seed: their last validations as mean and deviation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from tf_image_segmentation.training.run_files import Run, differences

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
