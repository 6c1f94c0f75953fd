"""Tables of runs."""

from __future__ import annotations

import io
import math

from rich.console import Console
from run_examples import make_run

from tf_image_segmentation.reports.run_comparison import difference_table, summary_table
from tf_image_segmentation.training.run_files import Run


def rows(table) -> list[list[str]]:
    output = io.StringIO()
    Console(file=output, width=200, markup=False).print(table)
    lines = [line for line in output.getvalue().splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_differences_are_grouped_by_value():
    runs = [
        make_run("one", seed=0, run_dir="a", environment={"keras": "3.1"}),
        make_run("two", seed=1, run_dir="b", environment={"keras": "3.1"}),
        make_run("[three]", seed=0, run_dir="c", environment={"keras": "3.2"}),
    ]
    assert rows(difference_table(runs)) == [
        ["environment.keras", "3.1", "one, two"],
        ["", "3.2", "[three]"],
        ["seed", "0", "one, [three]"],
        ["", "1", "two"],
    ]


def test_long_lists_are_shown_by_their_checksum():
    shards = [["a" * 64] * 8, ["a" * 64] * 7 + ["b" * 64], ["a" * 64] * 8]
    first, second = rows(difference_table([make_run(str(n), data=d) for n, d in enumerate(shards)]))
    assert (first[0], first[2], second[2]) == ("data", "0, 2", "1")
    assert first[1].startswith("8 values, sha256 ") and first[1] != second[1]


def test_equal_settings_have_no_table():
    assert difference_table([make_run("a", run_dir="a"), make_run("b", run_dir="b")]) is None


def test_summary():
    worse = {"step": 41, "val_mean_iou": 0.25, "val_pixel_accuracy": math.nan}
    whole = make_run("whole")
    runs = [
        Run("whole", whole.config, [*whole.metrics, worse]),
        make_run("going", 5, validate=False),
        Run("new", {}, []),
    ]
    assert rows(summary_table(runs, smoothing=2)) == [
        ["whole", "41/40", f"{(4 / 39 + 4 / 40) / 2:.4f}", "48.75", "97.50", "40", "25.00", "-"],
        ["going", "5/40", "0.9000", "-", "-", "-", "-", "-"],
        ["new", "0/?", "-", "-", "-", "-", "-", "-"],
    ]
