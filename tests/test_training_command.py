"""The command line of the training scripts: what it passes on, and what its help shows."""

from __future__ import annotations

import sys

import pytest
import tensorflow as tf

from tf_image_segmentation.cli import train as command
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training import load_recipe
from tf_image_segmentation.training.recipe import FIELDS, built_in_recipes


@pytest.fixture
def trained_with(monkeypatch):
    """trained_with(option, ...) -> the configuration and resume flag that training starts with."""
    import tf_image_segmentation.training.loop as loop

    def call(*arguments: str):
        received = []

        def train(config, resume, strategy):
            assert strategy is tf.distribute.get_strategy()
            received.append((config, resume))
            return loop.TrainingResult(1, 0, None, None)

        monkeypatch.setattr(loop, "train", train)
        monkeypatch.setattr(sys, "argv", ["train", "--tfrecords", "records", *arguments])
        assert command.main("fcn_16s", "Trains.") == 0
        return received[0]

    return call


def test_without_options_the_recipe_rules(trained_with):
    config, resume = trained_with()
    assert config.recipe == load_recipe("pascal_voc", "fcn_16s")
    assert (config.model, str(config.run_dir), resume) == ("fcn_16s", "runs/fcn_16s", False)


def test_options_replace_single_values_of_the_recipe(trained_with):
    options = "--recipe camvid --steps 7 --batch-size 3 --crop-size 64x96 --learning-rate 0.5"
    options += " --compute-dtype float32 --color-distortion full --new-layers fc8 pool4_fc"
    options += " --validation-interval 2 --checkpoint-interval 10m --seed 5 --resume"
    config, resume = trained_with(*options.split())
    recipe = config.recipe
    assert (recipe.steps, recipe.batch_size, recipe.crop_size) == (7, 3, (64, 96))
    assert (recipe.learning_rate, recipe.compute_dtype) == (0.5, "float32")
    assert recipe.new_layers == ("fc8", "pool4_fc")
    assert [part.to_json() for part in recipe.augmentations] == [
        "flip",
        "color",
        {"name": "scale", "range": [0.7, 1.5]},
    ]
    assert recipe.checkpoint_interval == "10m"
    assert (recipe.validation_interval, config.seed, resume) == (2, 5, True)
    assert recipe.class_balancing == load_recipe("camvid", "fcn_16s").class_balancing


def test_one_number_is_a_square_crop(trained_with):
    assert trained_with("--crop-size", "64")[0].recipe.crop_size == (64, 64)


def test_any_field_of_the_recipe_can_be_set(trained_with):
    options = ["--set", "optimizer.name=momentum", "--set", "optimizer.momentum=0.8"]
    options += ["--set", "models.fcn_16s.fc_channels=512", "--set", "models.fcn_8s.fc_channels=1"]
    recipe = trained_with("--recipe", "camvid", *options)[0].recipe
    assert recipe.optimizer.to_json() == {"name": "momentum", "momentum": 0.8}
    assert recipe.model_options == {"fc_channels": 512, "fc6_kernel": 3}


def test_a_recipe_may_be_a_file(trained_with, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("steps = 3\ncrop_size = 64\n")
    assert trained_with("--recipe", str(file))[0].recipe.steps == 3


def test_any_model_can_be_named(monkeypatch):
    args = command.make_parser(None, "Trains.").parse_args(
        ["--model", "mine", "--recipe", "camvid", "--tfrecords", "records"]
    )
    config = command.read_config(args, args.model)
    assert (config.model, str(config.run_dir)) == ("mine", "runs/mine")
    assert config.recipe.steps == 3000 and config.recipe.model_options == {}


def test_one_folder_is_a_data_set_and_several_are_a_mixture(trained_with):
    config, _ = trained_with()
    assert (config.tfrecords, config.makes_mixture) == ("records", False)
    options = "--tfrecords a b --class-map map.json --sampling-weights 2 0.5"
    config, _ = trained_with(*options.split())
    assert (config.tfrecords, config.class_map) == (("a", "b"), "map.json")
    assert (config.sampling_weights, config.makes_mixture) == ((2.0, 0.5), True)
    assert trained_with("--class-map", "map.json")[0].makes_mixture


def test_unknown_choices_are_listed(trained_with):
    # fault 28
    with pytest.raises(DataError, match="unknown recipe 'cityscapes'; choose from camvid, "):
        trained_with("--recipe", "cityscapes")
    with pytest.raises(DataError, match="compute_dtype must be one of float32, bfloat16, got int8"):
        trained_with("--compute-dtype", "int8")


def test_help_shows_fields_and_recipes(trained_with, capsys):
    with pytest.raises(SystemExit):
        trained_with("--help")
    shown = capsys.readouterr().out
    assert "130 and 143 stopped by" in shown  # fault 43
    assert "--strategy {default,mirrored,multi_worker}" in shown
    for name, title in built_in_recipes().items():
        assert f"  {name:12} {title}\n" in shown
    for name in FIELDS:
        assert f"\n  {name} = " in shown
    assert "ema = 0.0\n      decay of the average of the weights" in shown


def test_a_cluster_that_nobody_described_is_an_error(trained_with, monkeypatch):
    for variable in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(DataError, match="neither TF_CONFIG nor a Slurm step"):
        trained_with("--strategy", "multi_worker")
