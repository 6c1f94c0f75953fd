"""The rules of a plan, on extreme data and machines. They are pure, so nothing is measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tf_image_segmentation.planning.fingerprint import (
    DataFingerprint,
    MachineFingerprint,
    ModelFacts,
)
from tf_image_segmentation.planning.recipe_file import recipe_text
from tf_image_segmentation.planning.rules import RULES, VALIDATION_SHARE, Facts, decide
from tf_image_segmentation.training.recipe import FIELDS, Recipe, load_recipe

DEEPLAB = "deeplab_v3_plus_mobilenet_v2"
STREET = DataFingerprint(
    dataset="street",
    class_names=("road", "car", "tree"),
    train_images=80,
    val_images=20,
    heights=(360, 360, 360),
    widths=(480, 480, 480),
    is_gray=False,
    deviation=60.0,
    class_pixels=(0.5, 0.2, 0.3),
    class_images=(1.0, 0.9, 0.9),
    thickness=(90.0, 30.0, 40.0),
    object_sizes=(250.0, 60.0, 90.0),
)
TWO_CORES = MachineFingerprint("CPU, 2 cores", False, 8 * 2**30, True, 1.23, 1.5 * 2**30)
GPU = MachineFingerprint("H100", True, 78 * 2**30, True, 0.02, 1.5 * 2**30)
SHIPPED = ModelFacts(DEEPLAB, 1, "voc_mobilenet_v2", {"variant": "torch"}, ("logits/semantic",))


def planned(data=STREET, machine=TWO_CORES, model=SHIPPED, minutes=12.0, **fixed) -> Recipe:
    """The recipe of a plan; that it is a valid one is part of every test."""
    chosen = decide(Facts(data, machine, model, minutes), fixed)
    assert all(choice.reason for choice in chosen.values())
    return Recipe.from_plain({name: choice.value for name, choice in chosen.items()}, "the plan")


def seconds_of(recipe: Recipe, machine: MachineFingerprint = TWO_CORES) -> float:
    height, width = recipe.crop_size
    return recipe.steps * recipe.batch_size * height * width / 1e6 * machine.seconds_per_megapixel


def scale_of(recipe: Recipe) -> list[float]:
    return next(part.arguments["range"] for part in recipe.augmentations if part.name == "scale")


def names_of(recipe: Recipe) -> list[str]:
    return [part.name for part in recipe.augmentations]


@pytest.mark.parametrize("minutes", [3, 12, 60])
def test_steps_fill_the_time_and_no_more(minutes):
    recipe = planned(replace(STREET, train_images=5000), minutes=minutes)
    budget = (60 * minutes - TWO_CORES.first_seconds) * (1 - VALIDATION_SHARE)
    assert 0.9 * budget <= seconds_of(recipe) <= budget


def test_more_time_gives_larger_crops_and_a_faster_machine_more_steps():
    short, long = planned(minutes=12), planned(minutes=120)
    assert short.crop_size[1] < long.crop_size[1] <= 481
    assert planned(machine=GPU).steps > short.steps
    assert (planned(machine=GPU).batch_size, short.batch_size) == (16, 8)


def test_one_image():
    recipe = planned(replace(STREET, train_images=1, val_images=0, class_images=(1.0, 1.0, 1.0)))
    assert recipe.batch_size == 1 and recipe.model_options["freeze_batch_norm"] is True
    assert recipe.steps == 1500
    assert recipe.learning_rate < planned().learning_rate
    assert recipe.validation_interval == recipe.steps


def test_ten_thousand_images():
    recipe = planned(replace(STREET, train_images=10_000, val_images=2000))
    assert recipe.validation_interval == recipe.steps  # one validation takes minutes
    assert seconds_of(recipe) <= 12 * 60 - 2000 * 0.36 * 0.48 * 1.23 * 0.4
    assert names_of(recipe) == ["flip", "scale"]
    assert "freeze_batch_norm" not in recipe.model_options
    assert planned(replace(STREET, train_images=999)).augmentations[1].name == "color"


def test_images_of_30_x_30():
    tiny = replace(STREET, heights=(30, 30, 30), widths=(30, 30, 30))
    recipe = planned(tiny)
    assert recipe.crop_size == (33, 33)
    assert min(scale_of(recipe)) >= 0.9
    of_fcn = planned(tiny, model=ModelFacts("fcn_8s", 32))
    assert of_fcn.crop_size == (32, 32)


def test_images_of_6000_x_4000_with_a_rare_small_class():
    data = replace(
        STREET,
        heights=(4000, 4000, 4000),
        widths=(6000, 6000, 6000),
        class_pixels=(0.9, 0.099, 0.001),
        object_sizes=(4000.0, 900.0, 40.0),
    )
    recipe = planned(data)
    assert max(recipe.crop_size) <= 513
    assert names_of(recipe)[-1] == "rare_class_crop"
    assert "rare_class_crop" not in names_of(planned(replace(data, class_pixels=(0.4, 0.3, 0.3))))


def test_one_rare_class():
    data = replace(STREET, class_pixels=(0.55, 0.449, 0.001), class_images=(1.0, 1.0, 0.05))
    recipe = planned(data)
    assert (recipe.class_balancing, recipe.repeat_threshold) == (0.25, 0.1)
    usual = planned()
    assert (usual.class_balancing, usual.repeat_threshold) == (0.0, 0.0)


def test_two_classes_with_thin_structures():
    data = replace(
        STREET,
        class_names=("background", "vessel"),
        class_pixels=(0.92, 0.08),
        class_images=(1.0, 1.0),
        thickness=(60.0, 3.0),
        object_sizes=(500.0, 80.0),
        is_gray=True,
    )
    assert scale_of(planned(data)) == [0.75, 1.8]
    assert planned(data).augmentations[1].arguments == {"mode": "fast"}
    # A finer stride costs time, and is taken where there is enough of it.
    assert "output_stride" not in planned(data, minutes=5).model_options
    assert planned(data, minutes=60).model_options["output_stride"] == 8


def test_a_class_that_is_nowhere_counts_for_nothing():
    data = replace(
        STREET,
        class_names=(*STREET.class_names, "boat"),
        class_pixels=(*STREET.class_pixels, 0.0),
        class_images=(*STREET.class_images, 0.0),
        thickness=(*STREET.thickness, 0.0),
        object_sizes=(*STREET.object_sizes, 0.0),
    )
    assert planned(data) == planned()


def test_left_and_right_are_not_flipped():
    assert "flip" not in names_of(
        planned(replace(STREET, class_names=("left_lung", "Right lung", "heart")))
    )
    assert "flip" in names_of(planned(replace(STREET, class_names=("bright", "cleft", "upright"))))


def test_little_contrast_keeps_its_colors():
    assert "color" not in names_of(planned(replace(STREET, deviation=4.0)))


def test_little_memory():
    poor = replace(TWO_CORES, memory=2**29)
    recipe = planned(machine=poor)
    height, width = recipe.crop_size
    used = recipe.batch_size * height * width / 1e6 * poor.bytes_per_megapixel
    assert used <= poor.memory / 2


def test_a_minute_is_enough_for_a_plan():
    slow = replace(TWO_CORES, seconds_per_megapixel=60.0)
    recipe = planned(machine=slow, minutes=0.5)
    assert (recipe.steps, recipe.batch_size, recipe.ema) == (20, 4, 0.0)


def test_bfloat16_needs_a_machine_that_has_it():
    assert planned().compute_dtype == "bfloat16"
    assert planned(machine=replace(TWO_CORES, has_bfloat16=False)).compute_dtype == "float32"


def test_what_is_fixed_decides_what_follows():
    recipe = planned(crop_size=129, batch_size=4, steps=77)
    assert (recipe.crop_size, recipe.batch_size, recipe.steps) == ((129, 129), 4, 77)
    assert (recipe.warmup_steps, recipe.learning_rate) == (7, pytest.approx(1.5e-3 / 2**0.5, 0.05))
    assert planned(crop_size=[129, 257]).crop_size == (129, 257)


def test_a_model_without_weights_starts_at_random_with_one_rate():
    recipe = planned(model=ModelFacts("my_net", 4))
    assert (recipe.init, recipe.learning_rate_factors, recipe.model_options) == ("", {}, {})
    assert all(side % 4 == 0 for side in recipe.crop_size)


def test_the_file_says_why_and_loads_as_the_plan(tmp_path):
    strange = replace(STREET, dataset="a\nsteps = 1", class_names=('"road"', "car\n", "tree"))
    facts = Facts(strange, TWO_CORES, SHIPPED, 12.0)
    chosen = decide(facts, {})
    text = recipe_text(facts, chosen)
    (tmp_path / "recipe.toml").write_text(text)
    loaded = load_recipe(tmp_path / "recipe.toml", DEEPLAB)
    assert loaded == Recipe.from_plain({name: c.value for name, c in chosen.items()}, "plan")
    lines = text.splitlines()
    for name in chosen:
        number = next(n for n, line in enumerate(lines) if line.startswith(f"{name} = "))
        assert lines[number - 1].startswith("# ")
    assert "# Records: 80 training and 20 validation images, color, 360 x 480 pixels" in text


def test_rules_decide_fields_of_a_recipe():
    assert set(RULES) <= set(FIELDS)
