"""Tables and pictures of runs."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.reports.run_comparison import (
    difference_table,
    save_picture,
    smooth,
    summary_table,
)
from tf_image_segmentation.training.run_files import Run


def make_run(name: str, steps: int = 40, validate: bool = True, **config: object) -> Run:
    lines: list[dict] = []
    for step in range(1, steps + 1):
        lines.append({"step": step, "loss": 4 / step, "learning_rate": 1e-3 / step})
        if validate and step % 10 == 0:
            accuracy = 1 - 1 / step
            lines.append(
                {"step": step, "val_mean_iou": accuracy / 2, "val_pixel_accuracy": accuracy}
            )
    return Run(name, {"recipe": {"steps": 40}, **config}, lines)


def rows(table) -> list[list[str]]:
    output = io.StringIO()
    Console(file=output, width=200, markup=False).print(table)
    lines = [line for line in output.getvalue().splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


BLUE, ORANGE, GREEN = (31, 119, 180), (255, 127, 14), (44, 160, 44)  # matplotlib's first three


def colors(path) -> set[tuple[int, ...]]:
    pixels = np.asarray(Image.open(path).convert("RGB"))
    return {color for color in (BLUE, ORANGE, GREEN) if (pixels == color).all(axis=-1).any()}


def test_smooth_equals_a_slow_mean_of_the_window():
    values = np.random.default_rng(0).normal(size=23).tolist()
    for steps in (1, 2, 5, 6, 23, 100):
        slow = [
            np.mean(values[max(0, n - (steps - 1) // 2) : n + steps // 2 + 1])
            for n in range(len(values))
        ]
        np.testing.assert_allclose(smooth(values, steps), slow, atol=1e-12)
    assert len(smooth([], 5)) == 0


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


def test_picture_has_the_curves_of_all_runs(tmp_path):
    path = tmp_path / "runs.png"
    save_picture([make_run("a"), make_run("b")], path, smoothing=5)
    assert colors(path) == {BLUE, ORANGE}
    with Image.open(path) as picture:
        assert picture.size[0] > picture.size[1] > 600


def test_legend_takes_names_as_they_are(tmp_path):
    path = tmp_path / "runs.png"
    # What matplotlib leaves out of legends by itself, and what it takes for wrong mathematics.
    save_picture([Run("_hidden", {}, []), Run(r"$\wrong$", {}, [])], path, smoothing=5)
    assert colors(path) == {BLUE, ORANGE}


@pytest.mark.parametrize(
    "runs",
    [
        [Run("new", {}, [])],
        [make_run("going", 5, validate=False), Run("new", {}, [])],
        [Run("void", {}, [{"step": 1, "loss": 0.0, "learning_rate": 0.0}])],
        [Run("nan", {}, [{"step": 1, "val_mean_iou": math.nan, "val_pixel_accuracy": 0.5}])],
        [make_run(f"run {number}", 5) for number in range(12)],
    ],
    ids=["new", "going", "zeros", "nan", "many"],
)
def test_picture_of_unusual_runs(tmp_path, runs, recwarn):
    path = tmp_path / "runs.png"
    save_picture(runs, path, smoothing=5)
    assert path.stat().st_size > 5000
    assert [str(warning.message) for warning in recwarn] == []


def test_picture_of_an_unknown_kind(tmp_path):
    for name in ("runs", "runs.doc"):
        with pytest.raises(DataError, match=rf"{name}: the suffix must be one of .*png"):
            save_picture([make_run("a")], tmp_path / name, smoothing=5)
