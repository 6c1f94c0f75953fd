"""Shows how a search ended: the best parameter sets, and what the best one is worth."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tf_image_segmentation.evaluation.summary import percent
from tf_image_segmentation.tuning.folder import Score
from tf_image_segmentation.tuning.search import Parts, Result
from tf_image_segmentation.tuning.trials import DEFAULTS, NAMES, WITHOUT_CRF, options

_ROWS = 10
_NAMES = {WITHOUT_CRF: "no CRF", DEFAULTS: "defaults"}
_HEADINGS = ["trial", "gaussian\nsxy", "\ncompat", "bilateral\nsxy", "\nsrgb", "\ncompat"]
_HEADINGS += ["iter.", "mean\nIoU", "pixel\nacc.", "gain", "s an\nimage"]
_PLACES = {"searched": "images searched on", "held_out": "held-out images", "all": "all images"}

Scores = Mapping[str, Mapping[str, Score]]


def compared_scores(result: Result) -> dict[str, dict[str, Score]]:
    """Returns the scores of the network alone, the defaults and the best.

    Returns:
        By place ("searched", and where images were held out "held_out" and "all") and by name.
    """
    numbers = result.compared
    places = {"searched": {name: result.searched[n] for name, n in numbers.items()}}
    if result.held_out:
        places["held_out"] = {name: result.held_out[n] for name, n in numbers.items()}
        places["all"] = {
            name: result.searched[n] + result.held_out[n] for name, n in numbers.items()
        }
    return places


def ranking_table(result: Result, metric: str) -> Table:
    """Returns a table of the network alone, the defaults and the best trials, in percent."""
    # Narrow, to fit into a terminal of 80 columns.
    table = Table(
        title=f"best of {len(result.trials) - 1} trials by {metric}, "
        f"on the {result.searched[WITHOUT_CRF].images} images searched on",
        title_justify="left",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
    )
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
    base = result.searched[WITHOUT_CRF].matrix.metrics()[metric]
    for number in dict.fromkeys([WITHOUT_CRF, DEFAULTS, *result.ranking[:_ROWS]]):
        table.add_row(*_row(result, number, metric, base))
        if number in _NAMES:
            table.add_section()
    return table


def _row(result: Result, number: int, metric: str, base: float) -> list[str]:
    trial, score = result.trials[number], result.searched[number]
    metrics = score.matrix.metrics()
    values = ["-"] * len(NAMES) if trial is None else [f"{v:.6g}" for v in asdict(trial).values()]
    return [
        _NAMES.get(number, str(number)),
        *values,
        percent(metrics.mean_iou),
        percent(metrics.pixel_accuracy),
        "-" if trial is None else _points(metrics[metric] - base),
        "-" if trial is None else f"{score.seconds / score.images:.2f}",
    ]


def _points(difference: float) -> str:
    return f"{100 * difference:+.2f}"


def comparison_table(scores: Scores, metric: str) -> Table:
    """Returns a table of what the best is worth on each kind of images, in percent."""
    table = Table(title=f"{metric} in percent, and the gain in points", title_justify="left")
    for title in ("", "images", "without CRF", "defaults", "best", "gain"):
        table.add_column(title, justify="left" if not title else "right")
    for place, by_name in scores.items():
        values = {name: score.matrix.metrics()[metric] for name, score in by_name.items()}
        gain = _points(values["best"] - values["without CRF"])
        images = str(by_name["best"].images)
        table.add_row(_PLACES[place], images, *map(percent, values.values()), gain)
    return table


def facts(
    result: Result, scores: Scores, parts: Parts, image_ids: tuple[str, ...], metric: str
) -> dict[str, Any]:
    """Returns what ``best.json`` says, as JSON types."""
    best = result.trials[result.best]
    assert best is not None
    metrics = {
        place: {name: score.matrix.metrics().to_json() for name, score in by_name.items()}
        for place, by_name in scores.items()
    }
    gains = {
        place: 100 * (values["best"][metric] - values["without CRF"][metric])
        for place, values in metrics.items()
    }
    return {
        "parameters": asdict(best),
        "options": ["--crf", *options(best)],
        "metric": metric,
        "trial": result.best,
        "trials": len(result.trials),
        "gain_in_points": gains,
        "metrics": metrics,
        "searched_images": [image_ids[number] for number in parts.searched],
    }


def print_report(result: Result, scores: Scores, metric: str, views: Sequence[str] = ()) -> None:
    """Prints both tables, and the options to evaluate and predict with.

    Args:
        result: of the search.
        scores: see `compared_scores`.
        metric: which decided.
        views: the options that say how the network looked at the images.
    """
    # Wide enough for all columns where the output is a file.
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120)
    console.print(ranking_table(result, metric))
    console.print(comparison_table(scores, metric))
    if "held_out" not in scores:
        print(
            "The best was chosen on all of the images, so that its gain is partly luck; --images "
            "holds some out."
        )
    worth = scores.get("held_out", scores["searched"])
    if worth["best"].matrix.metrics()[metric] <= worth["without CRF"].matrix.metrics()[metric]:
        print("Nothing is gained: this network is best left without a dense CRF.")
    best = result.trials[result.best]
    assert best is not None
    print("Options for evaluate.py and predict.py:")
    print(" ".join([*views, "--crf", *options(best)]))
