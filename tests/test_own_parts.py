"""A model, a loss, an augmentation, a metric and a dataset from files outside the package.

They are used by name in a run that is killed and resumed, then evaluated, predicted with and
exported. The files are those that the how-to pages show.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PLUGINS = Path(__file__).parent / "plugins"
STEPS = 80
RECIPE = f"""
steps = {STEPS}
batch_size = 2
crop_size = 32
learning_rate = 1e-2
loss = [{{ name = "cross_entropy" }}, {{ name = "squared_error", weight = 0.5, power = 1.5 }}]
augmentations = ["flip", {{ name = "black_out", side = 6 }}]
metrics = ["mean_iou", "worst_iou"]
validation_interval = {STEPS}
checkpoint_interval = 10

[models.my_net]
width = 4
"""


def draw_rooms(root: Path) -> None:
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2)):
        for folder in ("images", "masks"):
            (root / folder / split).mkdir(parents=True)
        for number in range(count):
            mask = np.kron(rng.integers(0, 3, (5, 6), np.uint8), np.ones((8, 8), np.uint8))
            image = np.repeat(80 * mask[..., None], 3, axis=-1) + rng.integers(
                0, 40, (40, 48, 3), np.uint8
            )
            Image.fromarray(image).save(root / "images" / split / f"{split}{number}.png")
            Image.fromarray(mask).save(root / "masks" / split / f"{split}{number}.png")


class Workspace:
    """A folder with plugin files, a recipe and drawn images, and the commands run in it."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder, self.repository = folder, repository
        draw_rooms(folder / "rooms")
        shutil.copytree(PLUGINS, folder / "plugins")
        (folder / "recipe.toml").write_text(RECIPE)
        self.plugins = ["--plugins", *sorted(str(p) for p in (folder / "plugins").glob("my_*.py"))]
        self.train = ["train", "--model", "my_net", "--recipe", "recipe.toml"]
        self.train += ["--tfrecords", "records", "--run-dir", "run", *self.plugins]

    def command(self, script: str, *arguments: str) -> list[str]:
        return [sys.executable, str(self.repository / "scripts" / f"{script}.py"), *arguments]

    def start(self, script: str, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            self.command(script, *arguments),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, script: str, *arguments: str, status: int = 0) -> str:
        process = self.start(script, *arguments)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == status, output
        return output

    def losses(self) -> dict[int, float]:
        path = self.folder / "run" / "metrics.jsonl"
        if not path.exists():
            return {}
        lines = [json.loads(text) for text in path.read_text().splitlines(keepends=True)]
        return {line["step"]: line["loss"] for line in lines if "loss" in line}

    def validation(self) -> dict[str, float]:
        lines = (self.folder / "run" / "metrics.jsonl").read_text().splitlines()
        return json.loads(lines[-1])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Workspace:
    """A workspace in which a run was killed once and resumed to its end."""
    workspace = Workspace(tmp_path_factory.mktemp("own_parts"), repository)
    workspace.run(
        *("convert_dataset", "rooms", "--root", "rooms", "--output-dir", "records"),
        *workspace.plugins,
    )
    process = workspace.start(*workspace.train)
    end = time.monotonic() + 200
    while len(_complete_lines(workspace)) < 15:
        assert process.poll() is None and time.monotonic() < end, process.communicate()[0]
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    workspace.killed_at = len(_complete_lines(workspace))
    workspace.resumed = workspace.run(*workspace.train, "--resume")
    return workspace


def _complete_lines(workspace: Workspace) -> list[str]:
    path = workspace.folder / "run" / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    return text.splitlines()[: text.count("\n")]


def test_the_run_was_killed_and_went_on(workspace):
    assert workspace.killed_at < STEPS
    assert re.search(r"resumed .* at step [1-9]", workspace.resumed)
    losses = workspace.losses()
    assert sorted(losses) == list(range(1, STEPS + 1))
    assert np.mean([losses[s] for s in range(STEPS - 9, STEPS + 1)]) < losses[1]


def test_the_metric_is_recorded_and_evaluated(workspace):
    validation = workspace.validation()
    assert validation["val_worst_iou"] <= validation["val_mean_iou"]
    workspace.run(
        *("evaluate", "--checkpoint", "run/model/last", "--tfrecords", "records"),
        *("--metrics", "mean_iou", "worst_iou", "--output-dir", "evaluation", *workspace.plugins),
    )
    metrics = json.loads((workspace.folder / "evaluation" / "metrics.json").read_text())["metrics"]
    assert metrics["worst_iou"] == pytest.approx(validation["val_worst_iou"], abs=1e-6)


def test_predicted_labels_are_right_where_the_network_is(workspace):
    workspace.run(
        *("predict", "rooms/images/val", "--checkpoint", "run/model/last"),
        *("--output-dir", "predictions", *workspace.plugins),
    )
    (labels, *_) = sorted((workspace.folder / "predictions").glob("val0*.png"))
    mask = np.array(Image.open(workspace.folder / "rooms/masks/val/val0.png"))
    accuracy = np.mean(np.array(Image.open(labels)) == mask)
    assert accuracy > 0.4  # three classes; the network has a few hundred weights


def test_exported_model_equals_the_network(workspace):
    output = workspace.run(
        *("export_model", "--checkpoint", "run/model/last", "--output-dir", "exported"),
        *("--formats", "saved_model", *workspace.plugins),
    )
    assert "saved_model" in output
    assert (workspace.folder / "exported").is_dir()


def test_compared_with_another_checkpoint(workspace):
    output = workspace.run(
        *("compare_models", "run/model/best", "run/model/last", "--tfrecords", "records"),
        *workspace.plugins,
    )
    assert "my_net" in output


def test_without_the_plugin_the_error_names_its_file(workspace):
    arguments = ("evaluate", "--checkpoint", "run/model/last", "--tfrecords", "records")
    output = workspace.run(*arguments, status=1)
    assert "my_model.py" in output and "--plugins" in output and "Traceback" not in output


def test_a_changed_plugin_is_said(workspace):
    changed = workspace.folder / "changed" / "my_model.py"
    changed.parent.mkdir()
    changed.write_text((PLUGINS / "my_model.py").read_text() + "\n# changed\n")
    output = workspace.run(
        *("evaluate", "--checkpoint", "run/model/last", "--tfrecords", "records"),
        *("--plugins", str(changed)),
    )
    assert "my_model.py" in output and "SHA-256" in output


@pytest.mark.parametrize("name", ["model", "loss", "augmentation", "metric", "dataset"])
def test_a_page_shows_this_file(repository, name):
    code = (PLUGINS / f"my_{name}.py").read_text()
    pages = (repository / "docs" / "how_to").glob("add_a_*.md")
    assert any(f"```python\n{code}```" in page.read_text() for page in pages)
    assert len([line for line in code.splitlines() if line]) < 20
