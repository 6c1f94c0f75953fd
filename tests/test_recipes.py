"""Recipes hold what was published, and the stages of each fit together."""

from __future__ import annotations

import json

import pytest

from tf_image_segmentation.training.config import TrainingConfig
from tf_image_segmentation.training.recipes import RECIPES

STAGES = ["fcn_32s", "fcn_16s", "fcn_8s"]


def test_pascal_voc_is_the_classic_recipe():
    rates = [RECIPES["pascal_voc"][model].learning_rate for model in STAGES]
    assert rates == [1e-6, 1e-8, 1e-9]
    for model in STAGES:
        recipe = RECIPES["pascal_voc"][model]
        assert recipe.steps == 10 * 11127 and recipe.batch_size == 1
        assert recipe.crop_size == (384, 384) and recipe.scale_range == (0.9, 1.1)
        assert recipe.optimizer == "adam" and recipe.schedule == "constant"
        assert recipe.flip and recipe.color_distortion == "none" and recipe.weight_decay == 0
        assert not recipe.model_options and recipe.compute_dtype == "float32"


@pytest.mark.parametrize("name", RECIPES)
def test_each_stage_can_start_from_the_one_before(name):
    stages = RECIPES[name]
    assert list(stages) == STAGES
    assert len({json.dumps(dict(stages[model].model_options)) for model in STAGES}) == 1
    # Of isbi_em, each model starts from the convolutions alone.
    new_layers = ("fc6", "fc7") if name == "isbi_em" else ()
    assert stages["fcn_16s"].new_layers == stages["fcn_8s"].new_layers == new_layers


@pytest.mark.parametrize("name", RECIPES)
def test_configuration_is_json(name, tmp_path):
    for model, recipe in RECIPES[name].items():
        config = TrainingConfig(model, recipe, "records", tmp_path)
        assert json.loads(json.dumps(config.to_json())) == config.to_json()


def test_choices_are_those_of_the_code_that_takes_them():
    # Written twice, because the command line must answer without loading TensorFlow.
    from tf_image_segmentation.input import augmentation
    from tf_image_segmentation.models import network
    from tf_image_segmentation.training import config

    assert config.COLOR_DISTORTIONS == augmentation.COLOR_DISTORTIONS
    assert config.COMPUTE_DTYPES == network.COMPUTE_DTYPES
