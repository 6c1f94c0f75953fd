"""Shows training runs beside one another: tables for the terminal, a picture of the curves."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.run_files import Run, differences

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_VALIDATION = ("val_mean_iou", "val_pixel_accuracy")
_VALIDATION_TITLES = (
    "best\nmean\nIoU",
    "best\npixel\nacc.",
    "best\nat\nstep",
    "last\nmean\nIoU",
    "last\npixel\nacc.",
)
_PANELS = {
    "loss": "training loss",
    "val_mean_iou": "validation mean IoU, percent",
    "learning_rate": "learning rate",
    "val_pixel_accuracy": "validation pixel accuracy, percent",
}
_LONGEST_VALUE = 80

Curve = tuple[list[int], list[float]]


def smooth(values: Sequence[float], steps: int) -> NDArray[np.float64]:
    """Returns the mean of the ``steps`` values around each; near an end, of those that there are.

    The window is centerd, so that a falling curve is not drawn late; 1 leaves the values alone.
    """
    number, total = np.arange(len(values)), np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(number - (steps - 1) // 2, 0)
    end = np.minimum(number + steps // 2 + 1, len(values))
    return (total[end] - total[first]) / (end - first)


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


def save_picture(runs: Sequence[Run], path: Path, smoothing: int) -> None:
    """Draws loss, learning rate and validations of all runs against the step into one picture.

    The loss is drawn as a running mean over ``smoothing`` steps, and faintly as it was.

    Raises:
        DataError: the file's suffix names no kind of picture that can be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7.5), layout="constrained")
    kinds = sorted(figure.canvas.get_supported_filetypes())
    if path.suffix.removeprefix(".").lower() not in kinds:
        raise DataError(f"{path}: the suffix must be one of {', '.join(kinds)}, such as .png")
    colors = _colors(len(runs))
    for axes, (field, title) in zip(
        figure.subplots(2, 2, sharex=True).flat, _PANELS.items(), strict=True
    ):
        curves = [run.curve(field) for run in runs]
        _draw_curves(axes, field, curves, colors, smoothing)
        _set_scale(axes, field, [values for _, values in curves if values])
        axes.set_title(title)
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
    figure.supxlabel("step", size="medium")
    _add_legend(figure, [run.name for run in runs], colors)
    figure.savefig(path, dpi=120)


def _colors(count: int) -> list[Any]:
    from matplotlib import colormaps

    if count <= 10:
        return [colormaps["tab10"](number) for number in range(count)]
    return [colormaps["turbo"](number / (count - 1)) for number in range(count)]


def _draw_curves(
    axes: Axes, field: str, curves: Sequence[Curve], colors: Sequence[Any], smoothing: int
) -> None:
    for (steps, values), color in zip(curves, colors, strict=True):
        if field == "loss":
            axes.plot(steps, values, color=color, alpha=0.15, linewidth=0.8)
            axes.plot(steps, smooth(values, smoothing), color=color)
        elif field in _VALIDATION:
            percent = [100 * value for value in values]
            axes.plot(steps, percent, color=color, marker="o", markersize=5)
        else:
            axes.plot(steps, values, color=color)
    if not any(values for _, values in curves):
        axes.text(0.5, 0.5, "none recorded", ha="center", va="center", transform=axes.transAxes)
        axes.set_yticks([])


def _set_scale(axes: Axes, field: str, curves: Sequence[Sequence[float]]) -> None:
    """Makes the axis logarithmic where what matters lies powers of ten apart."""
    # A loss falls so far within a run. A learning rate often falls to nothing, which is of no
    # interest, but the peaks of two runs may lie as far apart.
    heights = {
        "loss": [value for values in curves for value in values if value > 0],
        "learning_rate": [max(values) for values in curves],
    }.get(field)
    if heights and max(heights) > 10 * min(heights):
        axes.set_yscale("log")
    else:
        axes.ticklabel_format(axis="y", scilimits=(-3, 4))


def _add_legend(figure: Figure, names: Sequence[str], colors: Sequence[Any]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=color, linewidth=3) for color in colors]
    # About as many characters as fit beside one another.
    columns = max(1, 120 // (max(map(len, names)) + 8))
    legend = figure.legend(handles, names, loc="outside upper center", ncols=columns)
    for text in legend.get_texts():
        text.set_parse_math(False)  # a "$" in the name of a folder is nothing but that
