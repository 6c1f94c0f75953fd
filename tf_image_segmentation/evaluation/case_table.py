"""Shows results case by case: a table for the terminal, and the rows of a report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from tf_image_segmentation.evaluation.cases import Cases
from tf_image_segmentation.evaluation.spread import Spread
from tf_image_segmentation.evaluation.summary import percent

_TITLES = {"dice": "Dice", "hausdorff_95": "95 % Hausdorff distance"}


def case_rows(cases: Cases, class_names: Sequence[str]) -> list[dict[str, str]]:
    """Returns for each class, by the titles of columns, mean, deviation and number of cases.

    Dice is in percent, the distance in units of the spacing.
    """
    rows: list[dict[str, str]] = [{"class": name} for name in class_names]
    for key, spreads in cases.spreads().items():
        show = percent if key == "dice" else _number
        for row, spread in zip(rows, spreads, strict=True):
            row[_TITLES[key]] = show(spread.mean)
            row[f"deviation of {_TITLES[key]}"] = show(spread.deviation)
            row["cases" if key == "dice" else "cases with a distance"] = str(spread.cases)
    return rows


def overall_line(spread: Spread) -> str:
    """Returns the mean Dice of the classes but the background in words."""
    return (
        f"mean Dice by case {percent(spread.mean)} +- {percent(spread.deviation)} percent over "
        f"{spread.cases} cases, without the background"
    )


def print_cases(cases: Cases, class_names: Sequence[str], by_class: bool) -> None:
    """Prints the mean Dice of the cases, and ``by_class`` a table before it."""
    console = Console(highlight=False, markup=False)  # class names are no markup
    if by_class:
        rows = case_rows(cases, class_names)
        table = Table(title="by case")
        for title in rows[0]:
            table.add_column(title, justify="left" if title == "class" else "right")
        for row in rows:
            table.add_row(*row.values())
        console.print(table)
    console.print(overall_line(cases.overall()))


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3g}"
