"""The script that compares runs, run as a user runs it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Compare = Callable[..., Any]


@pytest.fixture
def compare(
    run_script: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    return functools.partial(run_script, "compare_runs.py")


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    folders = []
    for name, seed in (("first", 0), ("second", 7)):
        folder = tmp_path / name / "fcn_32s"
        folder.mkdir(parents=True)
        fields = {"recipe": {"steps": 3}, "seed": seed, "run_dir": str(folder)}
        (folder / "config.json").write_text(json.dumps(fields))
        lines = [{"step": step, "loss": 1.5, "learning_rate": 0.1} for step in (1, 2)]
        lines.append({"step": 2, "val_mean_iou": 0.5, "val_pixel_accuracy": 0.75})
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "metrics.jsonl").write_text(text + '{"step": 3, "lo')
        folders.append(folder)
    return folders


def test_tables_and_picture(compare: Compare, runs: list[Path]) -> None:
    result = compare(*runs)
    assert result.returncode == 0, result.stderr
    lines = [line.strip("│").split() for line in result.stdout.splitlines() if "│" in line]
    assert ["seed", "│", "0", "│", "first/fcn_32s"] in lines
    assert ["│", "7", "│", "second/fcn_32s"] in lines
    summary = ["2/3", "1.5000", "50.00", "75.00", "2", "50.00", "75.00"]
    for name in ("first/fcn_32s", "second/fcn_32s"):
        assert [name, *summary] in [[cell for cell in line if cell != "│"] for line in lines]
    assert "run_dir" not in result.stdout
    assert result.stdout.endswith("drew runs.png\n")
    with Image.open("runs.png") as picture:
        assert picture.format == "PNG"


def test_runs_of_several_seeds_are_one_row(compare: Compare, runs: list[Path]) -> None:
    result = compare(*runs, "--group")
    assert result.returncode == 0, result.stderr
    row = "| `first/fcn_32s` | 2 | 0.5000 ± 0.0000 | 0.7500 ± 0.0000 |"
    assert row in result.stdout.splitlines()
    assert result.stdout.endswith("drew runs.png\n")


def test_runs_of_the_same_settings(compare: Compare, runs: list[Path]) -> None:
    (runs[1] / "config.json").write_bytes((runs[0] / "config.json").read_bytes())
    assert "the runs have the same settings\n" in compare(*runs).stdout
    assert "settings" not in compare(runs[0]).stdout  # there is nothing to compare with


def test_what_cannot_be_compared(compare: Compare, runs: list[Path], tmp_path: Path) -> None:
    for arguments, message in (
        ([runs[0], tmp_path], f"error: {tmp_path}: no config.json"),
        ([*runs, "--smoothing", 0], "error: --smoothing must be at least 1, got 0"),
        ([*runs, "--picture", "runs.doc"], "error: runs.doc: the suffix must be one of"),
        ([*runs, "--group", "--picture", "runs.x"], "error: runs.x: the suffix must be one of"),
    ):
        result = compare(*arguments)
        assert result.returncode == 1
        assert result.stderr.startswith(message)
    assert not list(tmp_path.glob("runs.*"))


def test_tensorflow_is_not_loaded(runs: list[Path], repository: Path, tmp_path: Path) -> None:
    code = (
        "import runpy, sys\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'tensorflow' not in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    script = str(repository / "scripts" / "compare_runs.py")
    command = [sys.executable, "-c", f"import sys; sys.argv = sys.argv[1:]\n{code}", script]
    done = subprocess.run(
        [*command, *map(str, runs)],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(repository)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
