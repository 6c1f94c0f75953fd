"""One command from an export to a report: which steps it takes, and which it leaves out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.cli import main as command_line_main
from tf_image_segmentation.cli import own_data, train_my_data
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import Network, fcn_32s

CLASSES = ("background", "car", "tree")
COLORS = ((0, 0, 0), (200, 0, 0), (0, 200, 0))
STEPS = ["inspect_dataset", "convert_dataset", "plan", "train", "evaluate", "predict"]


def draw(folder: Path, number: int) -> None:
    """An image whose colors are its classes, as a VOC export has it."""
    rng = np.random.default_rng(number)
    mask = np.zeros((48, 64), np.uint8)
    top, left = rng.integers(0, 20, 2)
    mask[top : top + 20, left : left + 20] = 1
    mask[:, 50:] = 2
    colors = np.array(COLORS, np.uint8)[mask]
    noise = rng.integers(0, 40, colors.shape, np.uint8)
    Image.fromarray(colors + noise).save(folder / "JPEGImages" / f"shot {number}.png")
    Image.fromarray(colors).save(folder / "SegmentationClass" / f"shot {number}.png")


@pytest.fixture
def export(tmp_path):
    """A CVAT export ("Segmentation mask 1.1") with lists for train and val."""
    folder = tmp_path / "my export"
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (folder / name).mkdir(parents=True)
    for number in range(6):
        draw(folder, number)
    colors = [f"{n}:{','.join(map(str, c))}::" for n, c in zip(CLASSES, COLORS, strict=True)]
    labels = ["# label:color_rgb:parts:actions", *colors]
    (folder / "labelmap.txt").write_text("\n".join(labels) + "\n")
    lists = folder / "ImageSets" / "Segmentation"
    (lists / "train.txt").write_text("".join(f"shot {n}\n" for n in range(4)))
    (lists / "val.txt").write_text("shot 4\nshot 5\n")
    return folder


@pytest.fixture
def start(tmp_path):
    """Weights of a thin network."""
    path = tmp_path / "start" / "model"
    network = Network(fcn_32s, 3, width_multiplier=0.05, fc_channels=16, fc6_kernel=1)
    network.save(path, {"dataset": {"class_names": CLASSES}})
    return path


@pytest.fixture
def steps(monkeypatch):
    """Runs the steps in this process, and returns the list of those that were taken."""
    taken: list[list[str]] = []

    def run_command(name: str, *arguments: object) -> None:
        words = [name, *map(str, arguments)]
        taken.append(words)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", ["tf-image-segmentation", *words])
            with pytest.raises(SystemExit) as ended:
                command_line_main.main()
        if ended.value.code:
            raise SystemExit(ended.value.code)

    for module in (own_data, train_my_data):
        monkeypatch.setattr(module, "run_command", run_command)
    return taken


@pytest.fixture
def run(monkeypatch, tmp_path, export, start):
    """run(option, ...) trains a thin model on the export for a moment, into tmp_path / "out"."""

    def run(*options: object, root: Path = export, output: str = "out") -> None:
        words = [root, *options, "--output-dir", tmp_path / output, "--minutes", "0.05"]
        words += ["--model", "fcn_32s", "--init-checkpoint", start]
        monkeypatch.setattr(sys, "argv", ["train_my_data.py", *map(str, words)])
        train_my_data.main()

    return run


def taken(steps) -> list[str]:
    return [words[0] for words in steps]


def test_from_an_export_to_a_report(run, steps, tmp_path, capsys):
    run()
    assert taken(steps) == [*STEPS, "export_model"]
    out, shown = tmp_path / "out", capsys.readouterr().out
    metrics = json.loads((out / "evaluation" / "metrics.json").read_text())
    assert f"mean IoU {metrics['metrics']['mean_iou']:.4f}" in shown
    assert "layout: voc" in shown
    for name in ("inspection.html", "report.html", "recipe.toml", "exported/saved_model"):
        assert (out / name).exists()
    # The images of val, whose predictions nobody has trained on.
    overlays = sorted(path.name for path in (out / "predictions").glob("*_overlay.jpg"))
    assert overlays == ["shot 4_overlay.jpg", "shot 5_overlay.jpg"]
    assert "--split" not in steps[1]  # there is a split already
    steps.clear()
    run()
    assert taken(steps) == ["predict"]  # which leaves out what it has written
    with pytest.raises(DataError, match="was begun with another options"):
        run("--skip-bad")


def test_a_stopped_training_goes_on(run, steps, tmp_path, monkeypatch):
    taking = train_my_data.run_command

    def stopped(name: str, *arguments: object) -> None:
        if name == "train":
            raise SystemExit(143)
        taking(name, *arguments)

    monkeypatch.setattr(train_my_data, "run_command", stopped)
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 143 and taken(steps) == STEPS[:3]
    steps.clear()
    monkeypatch.setattr(train_my_data, "run_command", lambda name, *_: steps.append([name]))
    monkeypatch.setattr(train_my_data, "_validation_ids", lambda _: [])
    monkeypatch.setattr(
        train_my_data, "metrics_of", lambda _: {"mean_iou": 0.5, "pixel_accuracy": 0.5}
    )
    run()
    assert taken(steps) == ["train", "evaluate", "export_model"]


def test_what_is_wrong_ends_it_before_anything_is_written(run, steps, export, tmp_path):
    (export / "SegmentationClass" / "shot 2.png").write_bytes(b"")
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 1 and taken(steps) == ["inspect_dataset"]
    assert not (tmp_path / "out" / "records").exists()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--spilt", "80/20"], "unknown options: --spilt 80/20"),
        (["--minutes", "0"], "--minutes must be above 0"),
        (["--model", "fcn_9s"], "unknown model 'fcn_9s'"),
        (["--init-checkpoint", "nowhere/model"], "nowhere/model"),
    ],
)
def test_wrong_options_are_told_at_once(run, steps, options, error, monkeypatch, export, tmp_path):
    words = [export, "--output-dir", tmp_path / "out", *options]
    monkeypatch.setattr(sys, "argv", ["train_my_data.py", *map(str, words)])
    with pytest.raises(DataError, match=error):
        train_my_data.main()
    assert not (tmp_path / "out").exists() and not steps


def test_a_folder_of_something_else_is_not_written_to(run, steps, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("precious")
    with pytest.raises(DataError, match=r"holds thesis\.tex from elsewhere"):
        run()
    assert not steps


def test_a_root_without_a_layout(run, steps, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has none of the layouts that are known"):
        run(root=tmp_path / "empty")
    assert not steps


def test_options_that_only_the_conversion_knows(run, steps, monkeypatch):
    for module in (own_data, train_my_data):
        monkeypatch.setattr(
            module, "run_command", lambda name, *words: steps.append([name, *map(str, words)])
        )
    monkeypatch.setattr(train_my_data, "_train", lambda *_: None)
    monkeypatch.setattr(train_my_data, "_use", lambda *_: None)
    run("--skip-bad", "--num-shards=2", "--max-pixels", "5000")
    inspect, convert = steps
    assert inspect[inspect.index("--max-pixels") + 1] == "5000"
    assert not {"--skip-bad", "--num-shards", "--num-shards=2"} & {*inspect}
    assert inspect[inspect.index("--allow") + 1 :] == ["near-duplicates", "missing", "broken"]
    assert {"--skip-bad", "--num-shards=2"} <= {*convert}
