"""Recipe files: how fields, stages and options of models come together, and what is refused."""

from __future__ import annotations

import json
import math

import msgspec
import numpy as np
import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import Part
from tf_image_segmentation.training.recipe import FIELDS, Recipe, load_recipe

RECIPE = """
steps = 10
crop_size = 64
optimizer = { name = "adam", beta_1 = 0.8 }
loss = [{ name = "cross_entropy" }, { name = "dice", weight = 0.5 }]
augmentations = ["flip", { name = "scale", range = [0.5, 2.0] }]
model_options = { width_multiplier = 0.5 }

[stages."fcn_*"]
steps = 20
learning_rate = 1e-3

[stages.fcn_8s]
steps = 30

[models.fcn_8s]
fc_channels = 1024

[models."fcn_*"]
fc_channels = 512
fc6_kernel = 3
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(RECIPE)
    return path


def test_an_empty_file_is_a_recipe_of_defaults(tmp_path):
    (tmp_path / "empty.toml").write_text("")
    assert load_recipe(tmp_path / "empty.toml") == Recipe()


def test_parts_are_names_or_tables(file):
    recipe = load_recipe(file)
    assert (recipe.steps, recipe.crop_size) == (10, (64, 64))
    assert recipe.optimizer == Part("adam", {"beta_1": 0.8})
    assert recipe.loss == (Part("cross_entropy"), Part("dice", {"weight": 0.5}))
    assert recipe.augmentations == (Part("flip"), Part("scale", {"range": [0.5, 2.0]}))
    assert recipe.model_options == {"width_multiplier": 0.5}
    assert Recipe(loss="dice", crop_size=[32, 64], schedule="poly") == Recipe(
        loss=(Part("dice"),), crop_size=(32, 64), schedule=Part("poly")
    )


@pytest.mark.parametrize(
    ("model", "steps", "rate", "options"),
    [
        ("fcn_8s", 30, 1e-3, {"fc_channels": 1024, "fc6_kernel": 3}),
        ("fcn_16s", 20, 1e-3, {"fc_channels": 512, "fc6_kernel": 3}),
        ("unet_vgg_16", 10, 1e-4, {}),
    ],
)
def test_an_exact_name_wins_over_a_pattern(file, model, steps, rate, options):
    recipe = load_recipe(file, model)
    assert (recipe.steps, recipe.learning_rate) == (steps, rate)
    assert recipe.model_options == {"width_multiplier": 0.5, **options}


def test_json_gives_the_recipe_back(file):
    recipe = load_recipe(file, "fcn_8s")
    assert list(recipe.to_json()) == list(FIELDS)
    assert Recipe.from_plain(json.loads(json.dumps(recipe.to_json())), "x") == recipe


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ("steps=7", "steps", 7),
        ("crop_size=[32, 96]", "crop_size", (32, 96)),
        ("optimizer=momentum", "optimizer", Part("momentum")),
        ("optimizer.name=adamw", "optimizer", Part("adamw", {"beta_1": 0.8})),
        ("schedule.power=0.5", "schedule", Part("constant", {"power": 0.5})),
        ("loss=focal", "loss", (Part("focal"),)),
        ("loss.dice.weight=2", "loss", (Part("cross_entropy"), Part("dice", {"weight": 2}))),
        ("augmentations=[]", "augmentations", ()),
        (
            "augmentations.flip.vertical=true",
            "augmentations",
            (Part("flip", {"vertical": True}), Part("scale", {"range": [0.5, 2.0]})),
        ),
        ("models.fcn_8s.dropout=0.5", "model_options", {"fc_channels": 1024, "dropout": 0.5}),
        ("models.fcn_16s.dropout=0.5", "model_options", {"fc_channels": 1024}),
        ("stages.fcn_8s.steps=3", "steps", 3),
        ("learning_rate_factors.'*/conv1/*'=0.1", "learning_rate_factors", {"*/conv1/*": 0.1}),
        ("frozen=['*/conv1/*']", "frozen", ("*/conv1/*",)),
        ("init=/data/vgg_16.ckpt", "init", "/data/vgg_16.ckpt"),
        ("validation_interval=10m", "validation_interval", "10m"),
    ],
)
def test_a_change_reaches_every_field(file, change, field, value):
    found = getattr(load_recipe(file, "fcn_8s", [change]), field)
    if field == "model_options":
        value = {"width_multiplier": 0.5, "fc6_kernel": 3, **value}
    assert found == value


def test_every_field_takes_a_change_to_its_default(file):
    recipe = Recipe()
    for name, value in recipe.to_json().items():
        if not isinstance(value, dict):
            toml = json.dumps(value).replace('": ', '" = ')
            assert recipe.with_changes([f"{name}={toml}"]) == recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("steps", "must be key=value"),
        ("steps=[", "must be key=value"),
        ("a b=1", "must be key=value"),
        ("stepz=1", "a recipe has no field stepz; it has steps, batch_size"),
        ("steps=two", "steps: expected int, got str"),
        ("steps.more=1", "steps is a single value; it has no more"),
        ("steps=0", "steps: expected int >= 1, got 0"),
        ("models.fcn_8s=3", "models needs a model and a key, such as models.fcn_8s."),
        ("optimizer.epsilon=inf", "optimizer.epsilon must be finite, got inf"),
        ("model_options.x=nan", "model_options.x must be finite, got nan"),
        ("augmentations.scale.range=[1, inf]", "range[1] must be finite, got inf"),
        ("model_options.x=2020-01-01", "model_options.x must be a number, a text, a list"),
        ("steps=5\nbatch_size=3", "more than one TOML value"),
        ("#=3", "must be key=value"),
        ("crop_size.a=1", "the list holds no parts; set it whole"),
        ("accumulate=2", "accumulate must divide batch_size"),
        ("accumulate=0", "accumulate: expected int >= 1, got 0"),
        ("learning_rate=inf", "learning_rate must be finite, got inf"),
        ("weight_decay=-1", "weight_decay: expected float >= 0.0, got -1"),
        ("ema=1.0", "ema: expected float < 1.0, got 1.0"),
        ("crop_size=0", "crop_size: [0]: expected int >= 1, got (0, 0)"),
        ("crop_size=[1, 2, 3]", "crop_size: expected array of length 2"),
        ("compute_dtype=float16", "compute_dtype must be one of float32, bfloat16, got float16"),
        ("optimizer={}", "a part of optimizer must be a name or a table with a name"),
        ("loss.focal.gamma=1", "there is no part 'focal' to change, only cross_entropy, dice"),
        (
            "learning_rate_factors.x=-1",
            "learning_rate_factors: [...]: expected float >= 0.0, got {'x': -1}",
        ),
        ("learning_rate_factors.x=inf", "learning_rate_factors.x must be finite, got inf"),
        ("validation_interval=0", "validation_interval must be at least 1 step"),
        ("checkpoint_interval=10h", "must be"),
    ],
)
def test_a_wrong_change_is_named_with_its_rule(file, change, message):
    with pytest.raises(DataError) as caught:
        load_recipe(file, "fcn_8s", [change])
    assert str(caught.value).startswith(f"--set {change}: ") and message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepz = 1", "a recipe has no field stepz; it has steps"),
        ("[stages.unet]\nlr = 1", "[stages.unet]: a recipe has no field lr; it has steps"),
        ("stages = 3", "stages must be tables, one a model, such as [stages.fcn_8s]"),
        ("[models]\nfc_channels = 3", "models must be tables"),
        ('steps = "ten"', "steps: expected int, got str"),
        ("steps = ", "line 1"),
        ("model_options = 3", "model_options must be a table"),
        ("learning_rate = -1.0", "learning_rate: expected float > 0.0, got -1.0"),
    ],
)
def test_a_wrong_file_is_named_with_its_rule(tmp_path, text, message):  # fault 64
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        load_recipe(path, "fcn_8s")
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)


def test_an_unknown_recipe_lists_those_there_are(tmp_path):
    with pytest.raises(DataError, match=r"unknown recipe 'voc'; choose from camvid, .* ends in"):
        load_recipe("voc")
    with pytest.raises(DataError, match=r"gone\.toml: cannot be read"):
        load_recipe(tmp_path / "gone.toml")


def test_building_and_replacing_check_types_and_ranges():
    assert msgspec.structs.replace(Recipe(), loss="dice").loss == (Part("dice"),)
    for fields, message in [
        ({"steps": 0}, "steps: expected int >= 1, got 0"),
        ({"steps": 10**32}, "steps: expected int <= 1000000000, got 1000"),
        ({"class_balancing": 300}, "class_balancing: expected float <= 2.0, got 300"),
        ({"steps": 1.5}, "steps: expected int, got float"),
        ({"frozen": "*/conv1/*"}, "frozen: expected array, got str"),
        ({"learning_rate": "fast"}, "learning_rate: expected float, got str"),
        ({"learning_rate": math.nan}, "learning_rate: expected float > 0.0, got nan"),
    ]:
        with pytest.raises(DataError, match=message):
            Recipe(**fields)
        with pytest.raises(DataError, match=message):
            msgspec.structs.replace(Recipe(), **fields)


def test_numbers_of_numpy_are_numbers():
    recipe = Recipe(steps=np.int64(3), learning_rate=np.float32(0.5), crop_size=np.array([32, 64]))
    assert (type(recipe.steps), recipe.steps, recipe.learning_rate) == (int, 3, 0.5)
    assert recipe.crop_size == (32, 64) and Recipe(crop_size=np.int64(32)).crop_size == (32, 32)
