"""The command line of the training scripts: what it passes on, and what its help shows."""

from __future__ import annotations

import sys

import pytest
import tensorflow as tf

from tf_image_segmentation.cli import training
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.recipes import RECIPES


@pytest.fixture
def trained_with(monkeypatch):
    """trained_with(option, ...) -> the configuration and resume flag that training starts with."""
    import tf_image_segmentation.training.trainer as trainer

    def call(*arguments: str):
        received = []

        def train(config, resume, strategy):
            assert strategy is tf.distribute.get_strategy()
            received.append((config, resume))
            return trainer.TrainingResult(1, 0, None, None)

        monkeypatch.setattr(trainer, "train", train)
        monkeypatch.setattr(sys, "argv", ["train", "--tfrecords", "records", *arguments])
        assert training.main("fcn_16s", "Trains.") == 0
        return received[0]

    return call


def test_without_options_the_recipe_rules(trained_with):
    config, resume = trained_with()
    assert config.recipe == RECIPES["pascal_voc"]["fcn_16s"]
    assert (config.model, str(config.run_dir), resume) == ("fcn_16s", "runs/fcn_16s", False)


def test_options_replace_single_values_of_the_recipe(trained_with):
    options = "--recipe camvid --steps 7 --batch-size 3 --crop-size 64x96 --learning-rate 0.5"
    options += " --compute-dtype float32 --color-distortion full --new-layers fc8 pool4_fc"
    options += " --validation-interval 2 --seed 5 --resume"
    config, resume = trained_with(*options.split())
    recipe = config.recipe
    assert (recipe.steps, recipe.batch_size, recipe.crop_size) == (7, 3, (64, 96))
    assert (recipe.learning_rate, recipe.compute_dtype) == (0.5, "float32")
    assert (recipe.color_distortion, recipe.new_layers) == ("full", ("fc8", "pool4_fc"))
    assert (recipe.validation_interval, config.seed, resume) == (2, 5, True)
    assert recipe.class_balancing == RECIPES["camvid"]["fcn_16s"].class_balancing


def test_one_number_is_a_square_crop(trained_with):
    assert trained_with("--crop-size", "64")[0].recipe.crop_size == (64, 64)


def test_a_crop_that_does_not_fit_is_an_error(trained_with):
    with pytest.raises(ValueError, match="multiples of 32, for example 96x96, got 100x100"):
        trained_with("--crop-size", "100")


def test_one_folder_is_a_data_set_and_several_are_a_mixture(trained_with):
    config, _ = trained_with()
    assert (config.tfrecords, config.makes_mixture) == ("records", False)
    options = "--tfrecords a b --class-map map.json --sampling-weights 2 0.5"
    config, _ = trained_with(*options.split())
    assert (config.tfrecords, config.class_map) == (("a", "b"), "map.json")
    assert (config.sampling_weights, config.makes_mixture) == ((2.0, 0.5), True)
    assert trained_with("--class-map", "map.json")[0].makes_mixture


@pytest.mark.parametrize("option", [["--recipe", "cityscapes"], ["--compute-dtype", "int8"]])
def test_unknown_choices_are_listed(trained_with, option, capsys):
    # fault 28
    with pytest.raises(SystemExit):
        trained_with(*option)
    assert "choose from" in capsys.readouterr().err


def test_help_shows_every_value_of_every_recipe(trained_with, capsys):
    with pytest.raises(SystemExit):
        trained_with("--help")
    shown = capsys.readouterr().out
    assert "130 and 143 stopped by" in shown  # fault 43
    assert "--strategy {default,mirrored,multi_worker}" in shown
    for name, stages in RECIPES.items():
        assert f"\n{name}\n" in shown
        assert f"learning_rate = {stages['fcn_16s'].learning_rate}" in shown


def test_a_cluster_that_nobody_described_is_an_error(trained_with, monkeypatch):
    for variable in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(DataError, match="neither TF_CONFIG nor a Slurm step"):
        trained_with("--strategy", "multi_worker")
