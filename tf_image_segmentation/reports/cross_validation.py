"""The evaluations of the folds of a cross-validation: each metric, its mean and deviation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tf_image_segmentation.structs import read_json

_OVERALL = {
    "mean_iou": "mean IoU",
    "mean_pixel_accuracy": "mean pixel accuracy",
    "pixel_accuracy": "pixel accuracy",
    "frequency_weighted_iou": "f.w. IoU",
}


def fold_summary(files: Mapping[str, Path]) -> str:
    """Returns a Markdown table in percent: overall metrics, then the IoU of each class.

    Args:
        files: ``metrics.json`` of evaluate.py by the name of the fold.

    Raises:
        DataError: a file is missing or damaged.
    """
    folds = {name: read_json(path, dict[str, Any]) for name, path in files.items()}
    rows = [["percent", *folds, "mean ± deviation"], ["---", *["---:"] * (len(folds) + 1)]]
    for key, title in _OVERALL.items():
        rows.append(_row(title, [_number(each["metrics"].get(key)) for each in folds.values()]))
    names = next(iter(folds.values()))["class_names"]
    for number, name in enumerate(names):
        values = [_number(each["metrics"]["per_class_iou"][number]) for each in folds.values()]
        rows.append(_row(f"IoU of {name.replace('|', chr(92) + '|')}", values))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _row(title: str, values: Sequence[float]) -> list[str]:
    known = [value for value in values if not math.isnan(value)]
    shown = ["-" if math.isnan(value) else f"{100 * value:.2f}" for value in values]
    mean = f"{100 * statistics.mean(known):.2f}" if known else "-"
    # The sample deviation (n - 1), over the folds that have the class.
    deviation = f" ± {100 * statistics.stdev(known):.2f}" if len(known) > 1 else ""
    return [title, *shown, mean + deviation]
