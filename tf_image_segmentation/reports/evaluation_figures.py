"""The figures of the report: SVG curves that any width shows sharply, and the confusion matrix."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.evaluation.summary import confusion_figure
from tf_image_segmentation.reports.pictures import Picture

_BEFORE, _AFTER = "#b35806", "#2166ac"
_BINS = 40
_DPI = 120
_LONGEST_NAME = 20


def _style() -> AbstractContextManager[None]:
    return rc_context(
        {
            "text.parse_math": False,  # a "$" in the name of a class is nothing but that
            "font.size": 9.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.alpha": 0.3,
        }
    )


def _encoded(figure: Figure, file_format: str, media_type: str) -> Picture:
    buffer = io.BytesIO()
    # Transparent, so that a dark page shows through.
    figure.savefig(buffer, format=file_format, dpi=_DPI, transparent=True)
    width, height = (round(_DPI * side) for side in figure.get_size_inches())
    return Picture(media_type, buffer.getvalue(), width, height)


def _svg(figure: Figure) -> Picture:
    return _encoded(figure, "svg", "image/svg+xml")


def _axes() -> tuple[Figure, Axes]:
    # As wide as a phone is in points, so that text keeps its size there.
    figure = Figure(figsize=(4.8, 3.0), layout="constrained")
    return figure, figure.add_subplot()


def histogram(ious: Sequence[float]) -> Picture:
    """Draws how many images have which IoU (0..1), and the median."""
    with _style():
        figure, axes = _axes()
        axes.hist(100 * np.asarray(ious), bins=_BINS, range=(0, 100), color=_AFTER, alpha=0.85)
        _mark_median(axes, 100 * float(np.median(ious)))
        axes.set_xlim(0, 100)
        axes.set_ylim(top=1.15 * axes.get_ylim()[1])
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("IoU of an image, percent")
        axes.set_ylabel("images")
        return _svg(figure)


def _mark_median(axes: Axes, median: float) -> None:
    axes.axvline(median, color=_BEFORE, linewidth=1.5)
    side, shift = ("right", -4) if median > 50 else ("left", 4)
    axes.annotate(
        f"median {median:.1f}",
        (median, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(shift, -2),
        textcoords="offset points",
        ha=side,
        va="top",
        color=_BEFORE,
    )


def curves(
    title: str, values: Mapping[str, Mapping[int, float]], overall: Mapping[str, float]
) -> Picture:
    """Draws a metric against the width of the band.

    Args:
        title: of the metric.
        values: for each curve, the metric in 0..1 by width; the last curve stands out.
        overall: for each curve, the metric over all pixels, a dotted line.
    """
    with _style():
        figure, axes = _axes()
        styles = [(_BEFORE, "--", "s"), (_AFTER, "-", "o")][-len(values) :]
        for (name, points), (color, line, marker) in zip(values.items(), styles, strict=True):
            heights = [100 * value for value in points.values()]
            axes.plot(list(points), heights, line, color=color, marker=marker, ms=5, label=name)
            axes.axhline(100 * overall[name], color=color, linestyle=":", linewidth=1.2)
        widths = list(next(iter(values.values())))
        axes.set_xscale("log", base=2)
        axes.set_xticks(widths, [str(width) for width in widths])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("width of the band, pixels")
        axes.set_ylabel(f"{title}, percent")
        axes.plot([], [], ":", color="gray", label="all pixels")
        axes.legend(frameon=False, loc="best")
        return _svg(figure)


def confusions(matrix: ConfusionMatrix, class_names: tuple[str, ...]) -> Picture:
    """Draws the confusion matrix, each row as percent of the true class's pixels."""
    # Long names would leave no room for the matrix.
    names = tuple(
        n if len(n) <= _LONGEST_NAME else f"{n[: _LONGEST_NAME - 1]}…" for n in class_names
    )
    return _encoded(confusion_figure(matrix, names), "png", "image/png")
