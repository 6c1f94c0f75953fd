"""The evaluations of the folds of a cross-validation: each metric, its mean and deviation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tf_image_segmentation.evaluation.spread import Spread
from tf_image_segmentation.evaluation.summary import percent, title
from tf_image_segmentation.structs import read_json

_OVERALL = ("mean_iou", "mean_pixel_accuracy", "pixel_accuracy", "frequency_weighted_iou")


def fold_summary(files: Mapping[str, Path]) -> str:
    """Returns a Markdown table in percent: overall metrics, then the IoU of each class.

    Args:
        files: ``metrics.json`` of evaluate.py by the name of the fold.

    Raises:
        DataError: a file is missing or damaged.
    """
    folds = {name: read_json(path, dict[str, Any]) for name, path in files.items()}
    rows = [["percent", *folds, "mean ± deviation"], ["---", *["---:"] * (len(folds) + 1)]]
    metrics = [each["metrics"] for each in folds.values()]
    for key in _OVERALL:
        rows.append(_row(title(key), [_number(each.get(key)) for each in metrics]))
    names = next(iter(folds.values()))["class_names"]
    for number, name in enumerate(names):
        values = [_number(each["per_class_iou"][number]) for each in metrics]
        rows.append(_row(f"IoU of {name.replace('|', chr(92) + '|')}", values))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _row(name: str, values: Sequence[float]) -> list[str]:
    spread = Spread.of(values)  # over the folds that have the class
    deviation = "" if math.isnan(spread.deviation) else f" ± {percent(spread.deviation)}"
    return [name, *map(percent, values), percent(spread.mean) + deviation]
