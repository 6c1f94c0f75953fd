"""Shows metrics: a table for the terminal, a file for programs, a picture of the confusions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tf_image_segmentation.atomic import write_text
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix, Metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SUMMARY = (
    ("pixel accuracy", "pixel_accuracy"),
    ("mean pixel accuracy", "mean_pixel_accuracy"),
    ("mean IoU", "mean_iou"),
    ("f.w. IoU", "frequency_weighted_iou"),
)


def percent(fraction: float) -> str:
    """Returns a fraction as a percentage with two digits, "-" for NaN."""
    return "-" if np.isnan(fraction) else f"{100 * fraction:.2f}"


def summary_table(rows: dict[str, Metrics]) -> Table:
    """Returns a table with one row of data-set-wide metrics (percent) for each name."""
    table = Table(title="percent")
    table.add_column("")
    for title, _ in _SUMMARY:
        table.add_column(title, justify="right")
    for name, metrics in rows.items():
        table.add_row(name, *(percent(metrics[key]) for _, key in _SUMMARY))
    return table


def class_table(metrics: Metrics, class_names: tuple[str, ...]) -> Table:
    """Returns a table with IoU and accuracy (percent) of each class."""
    table = Table(title="percent by class")
    table.add_column("class")
    table.add_column("IoU", justify="right")
    table.add_column("accuracy", justify="right")
    for name, iou, accuracy in zip(
        class_names, metrics.per_class_iou, metrics.per_class_accuracy, strict=True
    ):
        table.add_row(name, percent(iou), percent(accuracy))
    return table


def print_report(rows: dict[str, Metrics], class_names: tuple[str, ...]) -> None:
    """Prints the classes of the last row, all rows, and what the figures were counted over."""
    console = Console(highlight=False, markup=False)  # class names are no markup
    *_, metrics = rows.values()
    console.print(class_table(metrics, class_names))
    console.print(summary_table(rows))
    console.print(
        f"mean IoU over {metrics.classes_in_mean_iou} of {len(class_names)} classes, "
        f"{metrics.pixels:,} labeled pixels, {metrics.ignored_pixels:,} ignored"
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


def save_metrics(
    path: Path, matrix: ConfusionMatrix, class_names: tuple[str, ...], **facts: Any
) -> None:
    """Writes metrics, confusion matrix and ``facts`` (checkpoint, records ...) as JSON."""
    fields = {
        **facts,
        "metrics": matrix.metrics().to_json(),
        "class_names": list(class_names),
        "confusion_matrix": matrix.matrix.tolist(),
    }
    write_text(path, json.dumps(fields, indent=2) + "\n")
