"""Reading runs, however they ended, and telling their settings apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.run_files import (
    Run,
    differences,
    read_metrics,
    read_runs,
)


def write_run(folder: Path, *lines: dict, end: str = "", **config: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text + end)
    return folder


def test_differences_name_nested_fields_and_keep_the_order_of_the_runs():
    found = differences(
        [
            {"seed": 0, "same": [1, 2], "recipe": {"steps": 3, "flip": True}},
            {"seed": 1, "same": [1, 2], "recipe": {"steps": 3, "flip": False}},
            {"seed": 0, "same": [1, 2], "recipe": {"steps": 3, "flip": True}},
        ]
    )
    assert found == {"recipe.flip": [True, False, True], "seed": [0, 1, 0]}
    assert list(found) == ["recipe.flip", "seed"]


def test_a_missing_field_counts_as_none():
    assert differences([{"a": None, "b": 1}, {}]) == {"b": [1, None]}
    assert differences([{"options": {}}, {"options": {"width": 2}}]) == {
        "options": [{}, None],
        "options.width": [None, 2],
    }


def test_one_configuration_differs_from_nothing():
    assert differences([{"seed": 0}]) == {}


def test_a_line_cut_by_a_kill_is_left_out(tmp_path):
    # fault 44
    folder = write_run(tmp_path / "run", {"step": 1, "loss": 2.0}, end='{"step": 2, "lo')
    assert read_metrics(folder / "metrics.jsonl") == [{"step": 1, "loss": 2.0}]


@pytest.mark.parametrize("line", ["garbage", "[1]", '{"loss": 2.0}', '{"step": "one"}', "\udcff"])
def test_a_damaged_line_is_named(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    text = f'{{"step": 1}}\n{line}\n{{"step": 3}}\n'
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"metrics.jsonl, line 2: .*with a \"step\"; take the line"):
        read_metrics(path)


def test_a_run_tells_how_far_it_is():
    lines = [
        {"step": 1, "loss": 3.0},
        {"step": 2, "loss": 2.0},
        {"step": 2, "val_mean_iou": float("nan"), "val_pixel_accuracy": 0.1},
        {"step": 3, "loss": 1.0},
        {"step": 3, "val_mean_iou": 0.5, "val_pixel_accuracy": 0.7},
        {"step": 4, "val_mean_iou": 0.5, "val_pixel_accuracy": 0.6},
        {"step": 5, "val_mean_iou": 0.4, "val_pixel_accuracy": 0.9},
    ]
    run = Run("a", {"recipe": {"steps": 9}}, lines)
    assert (run.step, run.total_steps) == (5, 9)
    assert run.curve("loss") == ([1, 2, 3], [3.0, 2.0, 1.0])
    assert run.best_validation == lines[4]  # as the trainer, which keeps the earlier of equals
    assert run.validations[-1] == lines[6]


def test_a_run_that_has_just_begun(tmp_path):
    folder = write_run(tmp_path / "run", model="fcn_8s")
    (folder / "metrics.jsonl").unlink()
    (run,) = read_runs([folder])
    assert (run.step, run.total_steps, run.validations, run.best_validation) == (0, None, [], None)


def test_names_grow_until_they_differ(tmp_path, monkeypatch):
    first, second = write_run(tmp_path / "a" / "run"), write_run(tmp_path / "b" / "run")
    third = write_run(tmp_path / "b" / "other")
    assert [run.name for run in read_runs([first, third])] == ["run", "other"]
    assert [run.name for run in read_runs([first, second])] == ["a/run", "b/run"]
    monkeypatch.chdir(first)
    names = [run.name for run in read_runs([Path(), second, Path("../run"), third])]
    assert names == ["a/run", "b/run", "b/other"]


def test_what_is_no_run_is_refused_by_name(tmp_path):
    file = tmp_path / "picture.png"
    file.touch()
    for path in (file, tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError, match=rf"{path}: no config.json.*; name what --run-dir"):
            read_runs([path])


@pytest.mark.parametrize("text", ['{"model": "fcn', "", "[1]", "\udcff"])
def test_a_damaged_configuration_is_refused_by_name(tmp_path, text):
    folder = write_run(tmp_path / "run")
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"run/config.json: .*; restore it from a copy"):
        read_runs([folder])
