"""What training starts from: random weights, a path, or a model by its name."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import Network, checkpoints, deeplab_v3_plus_mobilenet_v2, fcn_8s
from tf_image_segmentation.training import Recipe, train
from tf_image_segmentation.training.start import initialize
from tf_image_segmentation.zoo import shipped
from tf_image_segmentation.zoo.packing import pack

NAME, MODEL = shipped.DEFAULT_MODEL, "deeplab_v3_plus_mobilenet_v2"
OPTIONS = {"depth_multiplier": 0.1, "divisible_by": 1, "head_channels": 8, "variant": "torch"}
THIN = {"width_multiplier": 0.05, "fc_channels": 16, "fc6_kernel": 1}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A folder with a thin model of 21 classes, as it would ship."""
    tf.random.set_seed(3)
    folder = tmp_path_factory.mktemp("zoo")
    Network(deeplab_v3_plus_mobilenet_v2, 21, **OPTIONS).save(folder / "trained")
    image = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    pack(folder / "trained", NAME, folder, [image], min_equal=0)
    return folder


@pytest.fixture
def shipping(zoo, monkeypatch, tmp_path):
    """As if that model shipped, in a folder without downloads."""
    monkeypatch.setattr(shipped, "FOLDER", zoo)
    monkeypatch.chdir(tmp_path)
    return np.load(zoo / f"{NAME}.npz")


def network(num_classes=3, **options):
    return Network(deeplab_v3_plus_mobilenet_v2, num_classes, **{**OPTIONS, **options})


def test_fine_tuning_from_the_model_that_ships(shipping, make_config, capsys):
    config = make_config(
        model=MODEL, steps=1, crop_size=(33, 33), model_options=OPTIONS, init_checkpoint=NAME
    )
    assert train(config, progress=False).exit_code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"starting from {NAME}"
    assert lines[1].startswith("restored ") and f"{NAME}.npz; left as initialized:" in lines[1]
    assert lines[2] == "new head, not trained yet: logits/semantic"
    saved = json.loads((config.run_dir / "config.json").read_text())
    assert saved["init_checkpoint"] == NAME


def test_all_but_the_head_is_what_ships(shipping):
    built = network()
    initialize(built, NAME, Recipe())
    for name, variable in built.variables_by_name.items():
        if "logits/semantic" in name:
            assert variable.shape[-1] == 3
        else:
            np.testing.assert_array_equal(variable, shipping[name].astype("f4"))


def test_the_same_number_of_classes_keeps_the_head(shipping):
    built = network(21)
    assert initialize(built, NAME, Recipe())[2] == "no layer is new"
    name = f"{MODEL}/logits/semantic/weights"
    np.testing.assert_array_equal(built.variables_by_name[name], shipping[name].astype("f4"))


def test_the_recipe_names_a_start_that_an_option_replaces(shipping):
    recipe = Recipe(init=NAME)
    assert initialize(network(), None, recipe)[0] == f"starting from {NAME}"
    for option, other, why in (
        ("none", recipe, "--init-checkpoint none"),
        (None, Recipe(), "no --init-checkpoint"),
        (None, Recipe(init="none"), "--init-checkpoint none"),
    ):
        assert initialize(network(), option, other) == [f"starting from random weights ({why})"]


def test_what_was_not_downloaded_is_refused_with_the_command(shipping, make_config):
    config = make_config(model=MODEL, init="mobilenet_v2", model_options=OPTIONS)
    with pytest.raises(DataError) as caught:
        train(config, progress=False)
    first, second = str(caught.value).splitlines()
    assert "python scripts/download_weights.py mobilenet_v2 fetches it" in first
    assert second == (
        "the recipe starts from mobilenet_v2; another start is named with --init-checkpoint, and "
        "random weights with --init-checkpoint none"
    )
    assert not config.run_dir.exists()


def test_what_was_downloaded_is_used(shipping, tmp_path):
    source = Network(fcn_8s, 5, **THIN)
    arrays = {
        name.removeprefix("fcn_8s/"): value.numpy()
        for name, value in source.variables_by_name.items()
        if "vgg_16" in name
    }
    (tmp_path / "data").mkdir()
    checkpoints.write(
        tmp_path / "data" / "vgg_16.ckpt", {n: tf.Variable(v) for n, v in arrays.items()}
    )
    lines = initialize(Network(fcn_8s, 3, **THIN), None, Recipe(init="vgg_16"))
    assert lines[0] == "starting from vgg_16"
    assert lines[2] == "new head, not trained yet: vgg_16/fc8, pool4_fc, pool3_fc"


def test_other_weights_than_the_model_computes_with_are_refused(shipping):
    built = network(variant="slim")
    message = (
        rf"{NAME} needs {MODEL} with variant 'torch'; add --set models\.{MODEL}\.variant=torch"
    )
    with pytest.raises(DataError, match=message):
        initialize(built, NAME, Recipe())


def test_a_path_still_needs_its_new_layers_named(shipping, zoo):
    with pytest.raises(DataError, match=r"logits/semantic/weights: .*\n.*\n.*--new-layers"):
        initialize(network(), str(zoo / f"{NAME}.npz"), Recipe())
    lines = initialize(network(), str(zoo / f"{NAME}.npz"), Recipe(new_layers=["logits"]))
    assert lines[2] == "new layers, not trained yet: logits/semantic"


def test_another_model_is_refused(shipping):
    with pytest.raises(DataError, match=f"holds {MODEL}, not fcn_8s"):
        initialize(Network(fcn_8s, 3, **THIN), NAME, Recipe())


def test_a_default_model_that_does_not_ship(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    with pytest.raises(DataError, match="no model ships with this version"):
        initialize(network(), NAME, Recipe())
