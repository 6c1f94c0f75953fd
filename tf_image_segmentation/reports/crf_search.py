"""Shows how a search for parameters of the dense CRF ended: the best ones, and what to do next."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich import box
from rich.console import Console
from rich.table import Table

from tf_image_segmentation.tuning.parameters import DEFAULTS, RANGES, WITHOUT_CRF, crf_options
from tf_image_segmentation.tuning.search import PARTS, Result

_ROWS = 10
_NAMES = {WITHOUT_CRF: "no CRF", DEFAULTS: "defaults"}
_HEADINGS = ["trial", "gaussian\nsxy", "\ncompat", "bilateral\nsxy", "\nsrgb", "\ncompat", "iter."]


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
    for heading in [*_HEADINGS, "metric", "gain", "held\nout", "gain", "s an\nimage"]:
        table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
    for number in dict.fromkeys([WITHOUT_CRF, DEFAULTS, *result.ranking[:_ROWS]]):
        trial = result.trials[number]
        parameters, seconds = ["-"] * len(RANGES), "-"
        if trial is not None:
            parameters = [f"{value:.6g}" for value in asdict(trial).values()]
            seconds = f"{result.scores[trial, 'searched'].seconds / images:.2f}"
        figures = []
        for part in PARTS:
            gain = math.nan if trial is None else result.gain(trial, part)
            figures += [_shown(result.percent(trial, part), ".2f"), _shown(gain, "+.2f")]
        table.add_row(_NAMES.get(number, str(number)), *parameters, *figures, seconds)
    return table


def _shown(value: float, form: str) -> str:
    return "" if math.isnan(value) else format(value, form)


def print_report(result: Result, options: Sequence[str] = ()) -> None:
    """Prints the table, and the options to evaluate and predict with.

    Args:
        result: of the search.
        options: those of the command line that say how images are predicted.
    """
    # Wide enough for all columns where the output is a file.
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120)
    console.print(table(result))
    gain = result.gain(result.best, "held_out")
    if math.isnan(gain):
        gain = result.gain(result.best, "searched")
        print(
            "The best was chosen on all of the images, so that its gain is partly luck; --images "
            "holds some out."
        )
    if not gain > 0:
        print("Nothing is gained: this network is best left without a dense CRF.")
    print("Options for evaluate.py and predict.py:")
    print(" ".join([*options, *crf_options(result.best)]))
