"""Runs of several seeds as mean and deviation."""

from __future__ import annotations

import math
import statistics

from tf_image_segmentation.reports.run_groups import (
    group_by_seed,
    last_values,
    markdown_table,
    spread,
)
from tf_image_segmentation.training.run_files import Run


def run(name: str, seed: int, iou: float, rate: float = 0.1) -> Run:
    config = {"recipe": {"learning_rate": rate}, "seed": seed, "run_dir": name}
    lines = [{"step": step, "loss": 2.0 - step / 10} for step in (1, 2, 3)]
    first = {"step": 2, "val_mean_iou": 0.1, "val_loss": 9.0}
    last = {"step": 3, "val_mean_iou": iou, "val_loss": 1.0, "val_per_class_iou": [iou, None]}
    return Run(name, config, [*lines, first, last])


RUNS = [
    run("a0", 0, 0.5),
    run("a1", 1, 0.7),
    run("b0", 0, 0.6, 0.2),
    run("b1", 1, 0.9, 0.2),
]


def test_runs_that_differ_only_in_the_seed_are_one_group() -> None:
    groups = group_by_seed([RUNS[2], RUNS[0], RUNS[3], RUNS[1]])
    assert {name: [r.name for r in runs] for name, runs in groups.items()} == {
        "b0": ["b0", "b1"],
        "a0": ["a0", "a1"],
    }


def test_last_values_are_the_numbers_of_the_last_validation() -> None:
    assert last_values(RUNS[1]) == {"mean_iou": 0.7, "loss": 1.0}
    assert last_values(Run("new", {}, [])) == {}


def test_spread_by_hand() -> None:
    assert spread([0.5, 0.7]) == f"0.6000 ± {math.sqrt(0.02):.4f}"
    assert spread([0.5]) == "0.5000"
    assert spread([math.nan, 0.5]) == "0.5000"
    assert spread([]) == spread([math.nan]) == "-"


def test_differences_are_paired_by_seed() -> None:
    groups = {"base": RUNS[:2], "learning_rate=0.2": RUNS[:1:-1]}  # in another order
    lines = markdown_table(groups, "base").splitlines()
    assert lines[0] == "| runs | seeds | mean_iou | mean_iou - base | loss | loss - base |"
    assert lines[2].startswith("| `base` | 2 | 0.6000 ± 0.1414 | - |")
    # 0.6 - 0.5 and 0.9 - 0.7
    deviation = statistics.stdev([0.1, 0.2])
    assert f"| 0.7500 ± 0.2121 | 0.1500 ± {deviation:.4f} | 1.0000 ± 0.0000 |" in lines[3]
    assert "base" not in markdown_table({"a": RUNS[:2]})
