"""The curves of training runs as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.run_files import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PERCENT = ("val_mean_iou", "val_pixel_accuracy")
_PANELS = {
    "loss": "training loss",
    "val_mean_iou": "validation mean IoU, percent",
    "learning_rate": "learning rate",
    "val_pixel_accuracy": "validation pixel accuracy, percent",
}


def smooth(values: Sequence[float], steps: int) -> NDArray[np.float64]:
    """Returns the mean of the ``steps`` values around each; near an end, of those that there are.

    The window is centered, so that a falling curve is not drawn late; 1 leaves the values alone.
    """
    number, total = np.arange(len(values)), np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(number - (steps - 1) // 2, 0)
    end = np.minimum(number + steps // 2 + 1, len(values))
    return (total[end] - total[first]) / (end - first)


def save_curves(groups: Mapping[str, Sequence[Run]], path: Path, smoothing: int = 50) -> None:
    """Draws loss, learning rate and validations against the step: the mean of each group's runs.

    Where a group has several runs, their range is shaded. The loss is drawn as a running mean; of a
    run alone, it is drawn faintly as it was, too.

    Args:
        groups: runs by the name of their group, which stands in the legend.
        path: a picture such as ``curves.png``.
        smoothing: steps of the running mean of the loss; 1 for none.

    Raises:
        DataError: the file's suffix names no kind of picture that can be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7.5), layout="constrained")
    kinds = sorted(figure.canvas.get_supported_filetypes())
    if path.suffix.removeprefix(".").lower() not in kinds:
        raise DataError(f"{path}: the suffix must be one of {', '.join(kinds)}, such as .png")
    colors = _colors(len(groups))
    for axes, (field, title) in zip(
        figure.subplots(2, 2, sharex=True).flat, _PANELS.items(), strict=True
    ):
        curves = [
            _draw(axes, field, runs, color, smoothing)
            for runs, color in zip(groups.values(), colors, strict=True)
        ]
        _set_scale(axes, field, [curve for curve in curves if len(curve)])
        axes.set_title(title)
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
    figure.supxlabel("step", size="medium")
    _add_legend(figure, list(groups), colors)
    figure.savefig(path, dpi=120)


def _colors(count: int) -> list[Any]:
    from matplotlib import colormaps

    if count <= 10:
        return [colormaps["tab10"](number) for number in range(count)]
    return [colormaps["turbo"](number / (count - 1)) for number in range(count)]


def _draw(
    axes: Axes, field: str, runs: Sequence[Run], color: Any, smoothing: int
) -> NDArray[np.float64]:
    """Draws a field of a group and returns the mean of its runs, before the loss is smoothed."""
    steps, values = _common_curves(runs, field)
    drawn, marker = values, ""
    if field == "loss":
        drawn = np.array([smooth(row, smoothing) for row in values])
        if len(runs) == 1:
            axes.plot(steps, values[0], color=color, alpha=0.15, linewidth=0.8)
    elif field in _PERCENT:
        drawn, marker = 100 * values, "o"
    axes.plot(steps, drawn.mean(axis=0), color=color, marker=marker, markersize=5)
    if len(runs) > 1:
        axes.fill_between(steps, drawn.min(axis=0), drawn.max(axis=0), color=color, alpha=0.2)
    return values.mean(axis=0)


def _common_curves(runs: Sequence[Run], field: str) -> tuple[list[int], NDArray[np.float64]]:
    """Returns the steps at which all runs recorded a field, and its values, one row a run."""
    curves = [dict(zip(*run.curve(field), strict=True)) for run in runs]
    steps = sorted(set.intersection(*map(set, curves)))
    return steps, np.array([[curve[step] for step in steps] for curve in curves], np.float64)


def _set_scale(axes: Axes, field: str, curves: Sequence[NDArray[np.float64]]) -> None:
    """Makes the axis logarithmic where what matters lies powers of ten apart."""
    if not curves:
        axes.text(0.5, 0.5, "none recorded", ha="center", va="center", transform=axes.transAxes)
        axes.set_yticks([])
        return
    # A loss falls so far within a run. A learning rate often falls to nothing, which is of no
    # interest, but the peaks of two runs may lie as far apart.
    heights = {
        "loss": [value for curve in curves for value in curve if value > 0],
        "learning_rate": [max(curve) for curve in curves],
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
