"""The order of the commands that reproduce_camvid.py runs, and the table that it ends with."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tf_image_segmentation.cli import reproduce_camvid, stages

IOUS = {"fcn32s": 0.5, "fcn16s": 0.6, "fcn8s": 0.7, "views": 0.71, "crf": 0.72}


def write_manifest(folder, splits):
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"splits": {name: {} for name in splits}}))


@pytest.fixture
def commands(monkeypatch):
    """Stands in for the scripts: notes each command and writes what it would write."""
    noted: list[list[str]] = []

    def run_command(name, *arguments):
        command = [name, *map(str, arguments)]
        noted.append(command)
        options = dict(itertools.pairwise(command))
        if name == "convert_dataset":
            write_manifest(Path(options["--output-dir"]), command[command.index("--splits") + 1 :])
        elif name == "evaluate":
            folder = Path(options["--output-dir"])
            folder.mkdir(parents=True, exist_ok=True)
            names = ("mean_pixel_accuracy", "pixel_accuracy", "frequency_weighted_iou")
            metrics = {"mean_iou": IOUS[folder.name], **dict.fromkeys(names, 0.9)}
            (folder / "metrics.json").write_text(json.dumps({"metrics": metrics}))
        else:
            folder = Path(options["--run-dir"])
            folder.mkdir(parents=True, exist_ok=True)
            lines = [{"step": 1, "seconds": 60.0}, {"step": 1, "seconds": 30}]
            (folder / "metrics.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))

    for module in (stages, reproduce_camvid):
        monkeypatch.setattr(module, "run_command", run_command)
    return noted


def test_stages_follow_one_another_and_the_table_has_their_figures(run_script, commands, tmp_path):
    output = tmp_path / "out"
    where = ["--root", "CAMVID", "--init-checkpoint", "vgg.npz", "--output-dir", output]
    result = run_script("reproduce_camvid.py", *where, "--splits", "val", "test", "--extras")
    assert result.returncode == 0, result.stderr
    scripts = [command[0] for command in commands]
    trained = ["train_fcn32s", "train_fcn16s", "train_fcn8s"]
    assert scripts == ["convert_dataset", *trained, *["evaluate"] * 10]
    assert commands[0][-3:] == ["train", "val", "test"]
    starts = [c[c.index("--init-checkpoint") + 1] for c in commands[1:4]]
    assert starts == ["vgg.npz", *(str(output / s / "model/best") for s in ("fcn32s", "fcn16s"))]
    assert all("--resume" in c and c[c.index("--recipe") + 1] == "camvid" for c in commands[1:4])
    table = (output / "results.md").read_text()
    assert table in result.stdout
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    assert [row[1] for row in rows] == ["val", "test"] * 5
    assert [row[2] for row in rows[::2]] == [f"{100 * iou:.2f}" for iou in IOUS.values()]
    assert rows[0][-1] == "1.5 min |"


def test_records_that_are_there_are_not_converted_again(run_script, commands, tmp_path):
    write_manifest(tmp_path / "records", ["train", "val"])
    where = ["--root", "CAMVID", "--init-checkpoint", "vgg.npz", "--output-dir", tmp_path]
    run_script("reproduce_camvid.py", *where, "--steps", 3)
    assert "convert_dataset" not in [command[0] for command in commands]
    assert [c[c.index("--steps") + 1] for c in commands[:3]] == ["3"] * 3
    assert len(commands) == 6


def test_a_split_that_was_not_converted_is_said_before_training(run_script, commands, tmp_path):
    write_manifest(tmp_path / "records", ["train", "val"])
    where = ["--root", "CAMVID", "--init-checkpoint", "vgg.npz", "--output-dir", tmp_path]
    result = run_script("reproduce_camvid.py", *where, "--splits", "val", "test")
    assert result.returncode == 1 and not commands
    assert "converted without ['test']; remove this folder" in result.stderr
