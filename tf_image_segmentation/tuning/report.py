"""Shows how a search ended: the best parameter sets, and what the best one is worth."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.tuning.parameters import (
    DEFAULTS,
    NAMES,
    WITHOUT_CRF,
    Trial,
    crf_options,
)
from tf_image_segmentation.tuning.search import Score

_ROWS = 10
_NAMES = {WITHOUT_CRF: "no CRF", DEFAULTS: "defaults"}
_HEADINGS = ["trial", "gaussian\nsxy", "\ncompat", "bilateral\nsxy", "\nsrgb", "\ncompat"]


class Result(NamedTuple):
    """How a search ended.

    Attributes:
        trials: all parameter sets, by number.
        ranking: numbers of the trials with a CRF, best first.
        scores: by trial and "searched" or "held_out".
        metric: which decided.
    """

    trials: Sequence[Trial]
    ranking: Sequence[int]
    scores: Mapping[tuple[Trial, str], Score]
    metric: str

    @property
    def best(self) -> CrfParameters:
        """The best parameter set."""
        best = self.trials[self.ranking[0]]
        assert best is not None
        return best

    def facts(self) -> dict[str, Any]:
        """Returns what ``best.json`` says, as JSON types."""
        trials = {"without CRF": None, "defaults": self.trials[DEFAULTS], "best": self.best}
        metrics: dict[str, Any] = {}
        gains = {}
        for place in ("searched", "held_out"):
            keys = {name: (trial, place) for name, trial in trials.items()}
            scores = {name: self.scores[key] for name, key in keys.items() if key in self.scores}
            if len(scores) == len(trials) and scores["best"].metrics:  # some pixels are labeled
                metrics[place] = {name: score.metrics for name, score in scores.items()}
                values = {name: score.metric(self.metric) for name, score in scores.items()}
                gains[place] = 100 * (values["best"] - values["without CRF"])
        return {
            "parameters": asdict(self.best),
            "options": crf_options(self.best),
            "metric": self.metric,
            "trials": len(self.trials),
            "gain_in_points": gains,
            "metrics": metrics,
        }


def table(result: Result) -> Table:
    """Returns no CRF, the defaults and the best trials, by the metric in percent."""
    images = result.scores[None, "searched"].images
    table = Table(
        title=f"best of {len(result.trials) - 1} trials by {result.metric} (percent) on the "
        f"{images} images searched on, and on held-out images",
        title_justify="left",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    for heading in [*_HEADINGS, "iter.", "metric", "gain", "held\nout", "gain", "s an\nimage"]:
        table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
    for number in dict.fromkeys([WITHOUT_CRF, DEFAULTS, *result.ranking[:_ROWS]]):
        trial = result.trials[number]
        values = (
            ["-"] * len(NAMES) if trial is None else [f"{v:.6g}" for v in asdict(trial).values()]
        )
        score = result.scores[trial, "searched"]
        seconds = "-" if trial is None else f"{score.seconds / score.images:.2f}"
        figures = [*_figures(result, trial, "searched"), *_figures(result, trial, "held_out")]
        table.add_row(_NAMES.get(number, str(number)), *values, *figures, seconds)
    return table


def _figures(result: Result, trial: Trial, place: str) -> tuple[str, str]:
    """Returns the metric and its gain over the network alone, "" where it was not computed."""
    if (trial, place) not in result.scores:
        return "", ""
    value, base = (result.scores[t, place].metric(result.metric) for t in (trial, None))
    return f"{100 * value:.2f}", "" if trial is None else f"{100 * (value - base):+.2f}"


def print_report(result: Result, options: Sequence[str] = ()) -> None:
    """Prints the table, and the options to evaluate and predict with.

    Args:
        result: of the search.
        options: those of the command line that say how images are predicted.
    """
    # Wide enough for all columns where the output is a file.
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120)
    console.print(table(result))
    gains = result.facts()["gain_in_points"]
    if "held_out" not in gains:
        print(
            "The best was chosen on all of the images, so that its gain is partly luck; --images "
            "holds some out."
        )
    if gains.get("held_out", gains["searched"]) <= 0:
        print("Nothing is gained: this network is best left without a dense CRF.")
    print("Options for evaluate.py and predict.py:")
    print(" ".join([*options, *crf_options(result.best)]))
