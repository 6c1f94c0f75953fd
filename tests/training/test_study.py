"""The study of changes to a recipe, with tiny runs."""

from __future__ import annotations

import json
import sys

import pytest

from tf_image_segmentation.cli import study, train
from tf_image_segmentation.errors import DataError

RECIPE = """
steps = 9
batch_size = 1
crop_size = 32
learning_rate = 1e-3
validation_interval = 2
augmentations = []

[models.fcn_32s]
width_multiplier = 0.05
fc_channels = 64
fc6_kernel = 1
"""


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("steps=3", ["steps=3"]),
        ("a=1  b.c=x", ["a=1", "b.c=x"]),
        ('loss=["dice", {name="focal", gamma=2.0}] c=1',
         ['loss=["dice", {name="focal", gamma=2.0}]', "c=1"]),
        ('init="my file=1 b=2" c=3', ['init="my file=1 b=2"', "c=3"]),
    ],
)  # fmt: skip
def test_a_change_may_set_several_fields(text, settings):
    assert study.split_change(text) == settings


def test_folders_are_named_by_the_change_and_differ():
    assert study.folder_name("steps=3") == "steps=3"
    names = {study.folder_name(text) for text in ("a=[1]", "a={1}", "a=(1)", "a=" + "1" * 300)}
    assert len(names) == 4
    assert all("/" not in name and len(name) < 80 for name in names)


@pytest.fixture
def run_study(make_records, tmp_path, monkeypatch):
    """run_study(*options) runs the study on tiny records, with the trainings in this process."""
    (tmp_path / "base.toml").write_text(RECIPE)
    records = make_records()
    started = []

    def run_command(name, *arguments):
        assert name == "train"
        started.append([str(argument) for argument in arguments])
        monkeypatch.setattr(sys, "argv", ["train.py", *started[-1]])
        assert train.main() == 0

    monkeypatch.setattr(study, "run_command", run_command)

    def run(*options):
        started.clear()
        words = ["study.py", str(tmp_path / "base.toml"), "--model", "fcn_32s", "--tfrecords"]
        words += [str(records), "--output-dir", str(tmp_path / "study"), *options]
        monkeypatch.setattr(sys, "argv", words)
        study.main()
        return started

    return run


def test_a_study_trains_compares_and_goes_on(run_study, tmp_path, capsys):
    changes = ("--change", "learning_rate=1e-2 warmup_steps=1", "--steps", "2")
    assert len(run_study("--seeds", "1", *changes)) == 2
    metrics = tmp_path / "study" / "base" / "seed0" / "metrics.jsonl"
    before = metrics.read_text()
    assert len(run_study("--seeds", "2", *changes, "--keep-checkpoints", "1")) == 4
    assert metrics.read_text() == before
    assert "learning_rate=1e-2" in capsys.readouterr().out
    table = (tmp_path / "study" / "study.md").read_text().splitlines()
    assert table[0].startswith("| runs | seeds |")
    assert "mean_iou - base" in table[0]
    assert [line.split("|")[1:3] for line in table[2:]] == [
        [" `base` ", " 2 "],
        [" `learning_rate=1e-2 warmup_steps=1` ", " 2 "],
    ]
    assert (tmp_path / "study" / "study.png").stat().st_size > 1000
    (changed,) = (tmp_path / "study").glob("learning*/seed1/config.json")
    config = json.loads(changed.read_text())
    assert (config["seed"], config["recipe"]["steps"]) == (1, 2)
    assert (config["recipe"]["learning_rate"], config["recipe"]["warmup_steps"]) == (0.01, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--change", "steps=2", "--change", "stepz=3"], "stepz"),
        (["--change", "loss=guess"], "unknown loss 'guess'"),
        (["--change", "optimizer.wrong=3"], "takes no wrong; it takes"),
        (["--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["--seed", "3"], "--seed: the study sets this itself"),
        (["--run-dir=x"], "--run-dir: the study sets this itself"),
    ],
)
def test_mistakes_are_found_before_the_first_run(run_study, tmp_path, options, message):
    with pytest.raises(DataError, match=message):
        run_study(*options)
    assert not (tmp_path / "study").exists()
