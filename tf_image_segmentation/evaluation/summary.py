"""Shows metrics: a table for the terminal, a file for programs, a picture of the confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tf_image_segmentation.atomic import write_json
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.evaluation.metrics import (
    OVERLAP_METRICS,
    Results,
    by_class,
    compute_metrics,
    results_to_json,
    scalars,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TITLES = {
    "mean_iou": "mean IoU",
    "frequency_weighted_iou": "f.w. IoU",
    "iou": "IoU",
    "boundary_f1": "boundary F1",
    "mean_boundary_f1": "mean boundary F1",
}


def title(name: str) -> str:
    """Returns what tables call a metric."""
    return _TITLES.get(name, name.replace("_", " "))


def percent(fraction: float) -> str:
    """Returns a fraction as a percentage with two digits, "-" for NaN."""
    return "-" if np.isnan(fraction) else f"{100 * fraction:.2f}"


def summary_table(rows: Mapping[str, Results]) -> Table:
    """Returns a table with one row of dataset-wide metrics (percent) for each name."""
    table = Table(title="percent")
    table.add_column("")
    columns = dict.fromkeys(key for results in rows.values() for key in scalars(results))
    for key in columns:
        table.add_column(title(key), justify="right")
    for name, results in rows.items():
        values = scalars(results)
        table.add_row(name, *(percent(values[key]) for key in columns))
    return table


def class_table(results: Results, class_names: Sequence[str]) -> Table:
    """Returns a table with the metrics (percent) of each class."""
    table = Table(title="percent by class")
    table.add_column("class")
    columns = by_class(results)
    for key in columns:
        table.add_column(title(key), justify="right")
    for name, *values in zip(class_names, *columns.values(), strict=True):
        table.add_row(name, *map(percent, values))
    return table


def print_report(
    rows: Mapping[str, Results], matrix: ConfusionMatrix, class_names: Sequence[str]
) -> None:
    """Prints the classes of the last row, all rows, and what the figures were counted over.

    Args:
        rows: results of `compute_metrics` by name.
        matrix: counts of the last row.
        class_names: of the dataset.
    """
    console = Console(highlight=False, markup=False)  # class names are no markup
    *_, results = rows.values()
    if by_class(results):
        console.print(class_table(results, class_names))
    console.print(summary_table(rows))
    counted = matrix.metrics()
    console.print(
        f"mean IoU over {counted.classes_in_mean_iou} of {len(class_names)} classes, "
        f"{counted.pixels:,} labeled pixels, {counted.ignored_pixels:,} ignored"
    )


def confusion_figure(matrix: ConfusionMatrix, class_names: tuple[str, ...]) -> Figure:
    """Draws the matrix, each row as percent of the true class's pixels."""
    from matplotlib.figure import Figure

    counts = matrix.matrix.astype(np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = 100 * np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    side = 2.5 + 0.42 * len(class_names)
    figure = Figure(figsize=(side + 1, side), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    axes.set_xticks(range(len(class_names)), class_names, rotation=90)
    axes.set_yticks(range(len(class_names)), class_names)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)  # a "$" in the name of a class is nothing but that
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    for row, column in zip(*np.nonzero(shares >= 0.5), strict=True):
        color = "white" if shares[row, column] > 50 else "black"
        text = f"{shares[row, column]:.0f}"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=7)
    figure.colorbar(picture, label="% of the true class's pixels", shrink=0.8)
    return figure


def metrics_to_json(matrix: ConfusionMatrix, results: Results) -> dict[str, Any]:
    """Returns the metrics that every file has, and those of ``results``, as JSON types.

    Every file has those of `Metrics` and `OVERLAP_METRICS`.
    """
    overlap = compute_metrics(OVERLAP_METRICS, matrix)
    return {**matrix.metrics().to_json(), **results_to_json({**overlap, **results})}


def save_metrics(
    path: str | Path,
    matrix: ConfusionMatrix,
    results: Results,
    class_names: Sequence[str],
    **facts: Any,
) -> None:
    """Writes metrics, confusion matrix and ``facts`` (checkpoint, records ...) as JSON."""
    path = Path(path)
    fields = {
        **facts,
        "metrics": metrics_to_json(matrix, results),
        "class_names": list(class_names),
        "confusion_matrix": matrix.matrix.tolist(),
    }
    write_json(path, fields)
