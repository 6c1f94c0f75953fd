"""The configuration of a run as JSON: today's, that of earlier versions, and damaged ones."""

from __future__ import annotations

import hashlib
import json

import pytest
from tiny_runs import StopAfter, losses, run_quietly

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.plugins import load_plugins
from tf_image_segmentation.training.losses import LOSSES
from tf_image_segmentation.training.run_files import read_config

# As version 0.1 wrote it.
OLD = {
    "model": "fcn_32s",
    "recipe": {
        "steps": 6,
        "learning_rate": 0.001,
        "batch_size": 2,
        "crop_size": [32, 64],
        "optimizer": "momentum",
        "momentum": 0.8,
        "schedule": "poly",
        "warmup_steps": 2,
        "weight_decay": 0.0001,
        "class_balancing": 0.0,
        "flip": True,
        "scale_range": [0.9, 1.1],
        "color_distortion": "full",
        "model_options": {"width_multiplier": 0.05},
        "new_layers": [],
        "compute_dtype": "float32",
        "validation_interval": 3,
    },
    "tfrecords": "records",
    "run_dir": "run",
    "val_tfrecords": None,
    "init_checkpoint": None,
    "dataset": None,
    "class_map": None,
    "sampling_weights": None,
    "seed": 0,
    "checkpoint_interval": 2,
    "keep_checkpoints": 3,
    "data": ["0" * 64],
    "validation_data": [],
    "environment": {"tensorflow": "2.21.0"},
}


def write(folder, **changes):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**OLD, **changes}))
    return folder


def test_the_recipe_of_an_earlier_version_has_parts(tmp_path):
    recipe = read_config(write(tmp_path))["recipe"]
    assert recipe["optimizer"] == {"name": "momentum", "momentum": 0.8}
    scale = {"name": "scale", "range": [0.9, 1.1]}
    assert recipe["augmentations"] == ["flip", "color", scale]
    fast = {**OLD["recipe"], "color_distortion": "fast"}
    color = {"name": "color", "mode": "fast"}
    recipe = read_config(write(tmp_path, recipe=fast))["recipe"]
    assert recipe["augmentations"] == ["flip", color, scale]
    assert (recipe["ema"], recipe["accumulate"], recipe["loss"]) == (0.0, 1, ["cross_entropy"])
    assert (recipe["validation_interval"], recipe["checkpoint_interval"]) == (3, 2)


def test_what_an_earlier_recipe_left_out_stays_out(tmp_path):
    changes = {"flip": False, "scale_range": None, "color_distortion": "none", "optimizer": "adam"}
    recipe = read_config(write(tmp_path, recipe={**OLD["recipe"], **changes}))["recipe"]
    assert recipe["augmentations"] == [] and recipe["optimizer"] == "adam"


def test_a_run_of_an_earlier_version_resumes(make_config, monkeypatch, capsys):
    whole, run = make_config("whole"), make_config("old")
    run_quietly(whole)
    with monkeypatch.context() as patch:
        StopAfter(patch, 4)
        run_quietly(run)
    file = run.run_dir / "config.json"
    saved = json.loads(file.read_text())
    recipe = {name: saved["recipe"].get(name) for name in OLD["recipe"]}
    recipe |= {"flip": True, "scale_range": [0.9, 1.1], "color_distortion": "full"}
    recipe |= {"momentum": 0.9}
    recipe["optimizer"] = "adam"
    saved = {**{name: saved[name] for name in OLD if name in saved}, "recipe": recipe}
    file.write_text(json.dumps({**saved, "checkpoint_interval": 2, "environment": {}}))
    capsys.readouterr()
    run_quietly(run, resume=True)
    assert "another version of tf_image_segmentation began this run" in capsys.readouterr().out
    assert losses(run) == losses(whole)


LOSS = """
import tensorflow as tf
from tf_image_segmentation.training import register_loss

@register_loss
def squares(logits, labels, factor=1.0):
    truth = tf.one_hot(labels, logits.shape[-1])
    return factor * tf.reduce_mean((tf.nn.softmax(logits) - truth) ** 2, axis=-1)
"""


def test_the_file_of_a_plugin_is_recorded_and_a_change_is_said(make_config, tmp_path, capsys):
    # fault 67
    plugin = tmp_path / "my_losses.py"
    plugin.write_text(LOSS)
    load_plugins([plugin])
    config = make_config(steps=2, loss={"name": "squares", "factor": 2.0})
    try:
        run_quietly(config)
        recorded = read_config(config.run_dir)["plugins"]
        sha256 = hashlib.sha256(LOSS.encode()).hexdigest()
        assert recorded == {"loss squares": f"my_losses.py {sha256}"}
        plugin.write_text(LOSS + "\n")
        load_plugins([plugin])
        capsys.readouterr()
        assert run_quietly(config, resume=True).step == 2
        said = capsys.readouterr().out
        assert "the file of loss squares has changed: my_losses.py " in said and sha256 in said
    finally:
        LOSSES.remove_from(LOSSES.module_of("squares"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": "one"}, "seed: expected int, got str"),
        ({"recipe": [1]}, "recipe: expected object, got array"),
        ({"recipe": {"steps": -3}}, "recipe: steps: expected int >= 1, got -3"),
        ({"recipe": {"stepz": 3}}, "recipe: a recipe has no field stepz"),
        ({"recipe": {"optimizer": 3}}, "recipe: a part of optimizer must be a name"),
        ({"data": [[1]]}, "data[0]: expected "),
    ],
)
def test_a_wrong_value_is_named_with_file_and_key(tmp_path, changes, message):  # fault 64
    with pytest.raises(DataError) as caught:
        read_config(write(tmp_path, **changes))
    assert str(caught.value).startswith(f"{tmp_path / 'config.json'}: ")
    assert message in str(caught.value) and "restore it from a copy" in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "", "null", "[1]", '{"seed": Infinity}'])
def test_what_is_no_configuration_is_one_sentence(tmp_path, text):  # fault 64
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(DataError, match=r"config\.json: .*restore it from a copy"):
        read_config(tmp_path)
