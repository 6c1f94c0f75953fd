"""Recipes hold what was published, and the stages of each fit together."""

from __future__ import annotations

import json

import pytest

from tf_image_segmentation.registry import Part
from tf_image_segmentation.training import TrainingConfig, load_recipe
from tf_image_segmentation.training.recipe import built_in_recipes

STAGES = ["fcn_32s", "fcn_16s", "fcn_8s"]
NAMES = sorted(built_in_recipes())


def test_these_recipes_are_built_in():
    assert NAMES == [
        "camvid",
        "camvid_mobilenet",
        "drive",
        "isbi_em",
        "pascal_voc",
        "pascal_voc_from_convolutions",
        "pascal_voc_mobilenet",
        "pascal_voc_mobilenet_large",
        "shapes",
    ]


def test_pascal_voc_is_the_classic_recipe():
    recipes = [load_recipe("pascal_voc", model) for model in STAGES]
    assert [recipe.learning_rate for recipe in recipes] == [1e-6, 1e-8, 1e-9]
    for recipe in recipes:
        assert recipe.steps == 10 * 11127 and recipe.batch_size == 1
        assert recipe.crop_size == (384, 384)
        assert recipe.augmentations == (Part("flip"), Part("scale", {"range": [0.9, 1.1]}))
        assert recipe.optimizer == Part("adam") and recipe.schedule == Part("constant")
        assert recipe.loss == (Part("cross_entropy"),) and recipe.weight_decay == 0
        assert recipe.model_options == {} and recipe.compute_dtype == "float32"


def test_camvid_trains_as_its_published_figures_say():
    recipes = [load_recipe("camvid", model) for model in STAGES]
    assert [recipe.steps for recipe in recipes] == [1200, 800, 3000]
    assert [recipe.learning_rate for recipe in recipes] == [2e-4, 1.5e-4, 1.5e-4]
    for recipe in recipes:
        assert (recipe.batch_size, recipe.crop_size, recipe.warmup_steps) == (2, (256, 384), 100)
        assert (recipe.class_balancing, recipe.compute_dtype) == (0.15, "bfloat16")
        assert recipe.augmentations == (Part("flip"), Part("scale", {"range": [0.7, 1.5]}))
        assert recipe.schedule == Part("poly") and recipe.optimizer == Part("adam")
        assert recipe.model_options == {"fc_channels": 1024, "fc6_kernel": 3}


@pytest.mark.parametrize("name", NAMES)
def test_each_stage_can_start_from_the_one_before(name):
    recipes = [load_recipe(name, model) for model in STAGES]
    assert len({json.dumps(recipe.model_options) for recipe in recipes}) == 1
    # Of isbi_em, each model starts from the convolutions alone.
    new_layers = ("fc6", "fc7") if name == "isbi_em" else ()
    assert recipes[1].new_layers == recipes[2].new_layers == new_layers


@pytest.mark.parametrize("name", NAMES)
def test_configuration_is_json(name, tmp_path):
    for model in STAGES:
        config = TrainingConfig(model, load_recipe(name, model), "records", tmp_path)
        assert json.loads(json.dumps(config.to_json())) == config.to_json()
