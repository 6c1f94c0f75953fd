"""From data to predictions in a few lines of Python, as the README types them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_records import example

import tf_image_segmentation as tfs
from tf_image_segmentation.cli import functions
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training import TrainingConfig, load_recipe, recipe

SNIPPET = """
import tf_image_segmentation as tfs

tfs.convert("rooms", "data/rooms", layout="folder")      # or layout="auto", split="80/20"
tfs.train("data/rooms", model="fcn_8s", recipe="shapes", run_dir="runs/rooms")
result = tfs.evaluate("runs/rooms/model/last", "data/rooms")
print(result.mean_iou)
network = tfs.load_model("runs/rooms/model/last")        # a path, or the name of a model that ships
labels = tfs.predict_labels(network, "photo.jpg")        # uint8 [height, width]
"""
TINY = """
steps = 2
batch_size = 1
crop_size = 32
[models."fcn_*"]
width_multiplier = 0.05
fc_channels = 64
fc6_kernel = 1
"""


@pytest.fixture
def rooms(tmp_path, monkeypatch):
    """The folder that the snippet speaks of is the working folder; the recipe is a tiny one."""
    for number, split in enumerate(("train", "train", "val")):
        pair = zip(("images", "masks"), (".jpg", ".png"), example(40, 50, number), strict=True)
        for kind, suffix, pixels in pair:
            path = tmp_path / "rooms" / kind / split / f"{number}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    (tmp_path / "rooms" / "classes.csv").write_text("name,id\nwall,0\nwindow,1\ndoor,2\n")
    Image.fromarray(example(60, 80, 7)[0]).save(tmp_path / "photo.jpg")
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "shapes.toml").write_text(TINY)
    monkeypatch.setattr(recipe, "RECIPES_FOLDER", tmp_path / "recipes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_snippet_runs_as_typed(rooms, capsys):
    assert len([line for line in SNIPPET.splitlines() if line]) <= 15
    names: dict = {}
    exec(SNIPPET, names)
    assert 0 <= names["result"].mean_iou <= 1
    assert f"{names['result'].mean_iou}\n" in capsys.readouterr().out
    assert names["labels"].shape == (60, 80) and names["labels"].dtype == np.uint8
    assert names["network"].class_names == ("wall", "window", "door")


def test_paths_and_parts_of_the_recipe(rooms):
    records = tfs.convert(rooms / "rooms", rooms / "records", split="50/50", splits=["train"])
    assert records == rooms / "records"
    loss = ["cross_entropy", {"name": "dice", "weight": 0.5}]
    arguments = {"model": "fcn_8s", "recipe": rooms / "recipes" / "shapes.toml", "progress": False}
    done = tfs.train(
        [records], **arguments, run_dir=rooms / "run", loss=loss, crop_size=(32, 64), seed=3
    )
    assert (done.step, done.exit_code) == (2, 0)
    saved = (rooms / "run" / "config.json").read_text()
    assert '"seed": 3' in saved and '"weight": 0.5' in saved
    checkpoint = rooms / "run" / "model" / "last"
    network = tfs.load_model(checkpoint)
    by_path = tfs.evaluate(checkpoint, records)
    opened = tfs.tfrecords.open_records(records, "val")
    assert by_path.mean_iou == tfs.evaluate(network, opened, 255).mean_iou
    assert by_path.matrix.ignored_pixels > 0  # the ignore label is that of the manifest
    with pytest.raises(DataError, match="--resume"):
        tfs.train(records, **arguments, run_dir=rooms / "run")


def test_a_whole_configuration_may_be_given(rooms):
    config = TrainingConfig(
        "fcn_8s", load_recipe("shapes", "fcn_8s"), (Path("a"), "b"), "run", Path("val")
    )
    assert (config.tfrecords, config.val_tfrecords) == (("a", "b"), "val")
    assert config.run_dir == Path("run")
    with pytest.raises(DataError, match="a, "):
        tfs.train(config, progress=False)
    with pytest.raises(TypeError, match="a TrainingConfig has"):
        tfs.train(config, steps=3)


def test_wrong_arguments_are_told_of(rooms):
    with pytest.raises(TypeError, match="there is no option 'shards'"):
        tfs.convert("rooms", "data", shards=3)
    with pytest.raises(DataError, match="--num-shards: invalid int value: 'x'"):
        tfs.convert("rooms", "data", num_shards="x")
    with pytest.raises(TypeError, match="name a model"):
        tfs.train("records")
    with pytest.raises(DataError, match="steps: expected int"):
        tfs.train("records", "fcn_8s", "shapes", steps="many")
    with pytest.raises(DataError, match="no model 'voc' ships"):
        tfs.load_model("voc")
    with pytest.raises(DataError, match=r"runs/none/model/last: "):
        tfs.load_model("runs/none/model/last")
    with pytest.raises(DataError, match="data: no such file or folder"):
        tfs.evaluate("runs/none/model/last", "data")


def test_values_are_written_as_toml():
    parts = [{"name": "scale", "range": (0.5, 2.0)}, "flip"]
    assert functions._toml(parts) == '[{"name" = "scale", "range" = [0.5, 2.0]}, "flip"]'
    assert functions._toml(1e-5) == "0.00001" and functions._toml(True) == "true"
