"""A user's own slim function, in a file outside the package, does what a built-in model does."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import MODELS, Network, fcn_32s, register_model
from tf_image_segmentation.plugins import load_plugins

PLAIN = """
import tensorflow as tf
import tf_slim as slim
from tf_image_segmentation.models import register_model

@register_model(size_divisor=4)
def my_net(images, num_classes, is_training):
    net = slim.conv2d(tf.cast(images, tf.float32) / 255, 8, 3, stride=4)
    net = slim.dropout(net, is_training=is_training)
    logits = slim.conv2d(net, num_classes, 1, activation_fn=None)
    return tf.repeat(tf.repeat(logits, 4, axis=1), 4, axis=2), {"last": net}
"""


@pytest.fixture
def plugin(tmp_path):
    """Loads the file, and forgets it and what it registered at the end."""
    path = tmp_path / "my_parts.py"
    path.write_text(PLAIN)
    load_plugins([path])
    yield path
    MODELS.remove_from(MODELS["my_net"].function.__module__)


def randomized(model, **options) -> Network:
    network = Network(model, 3, **options)
    rng = np.random.default_rng(0)
    for variable in network.variables_by_name.values():
        variable.assign(rng.normal(size=variable.shape))
    return network


def test_a_plain_function_is_saved_described_restored_and_predicts(plugin, tmp_path):
    network = randomized(MODELS["my_net"].function)
    assert set(network.variables_by_name) == {
        "Conv/weights",
        "Conv/biases",
        "Conv_1/weights",
        "Conv_1/biases",
    }
    network.save(tmp_path / "model")
    rebuilt = Network.from_checkpoint(tmp_path / "model")
    assert (rebuilt.model_name, rebuilt.spec.size_divisor) == ("my_net", 4)
    images = np.random.default_rng(0).integers(0, 256, (2, 12, 20, 3)).astype(np.uint8)
    np.testing.assert_array_equal(rebuilt(images), network(images))
    assert rebuilt(images, is_training=True, dropout_seed=tf.constant([1, 2])).shape == (
        2,
        12,
        20,
        3,
    )
    with pytest.raises(ValueError, match=r"multiples of 4, got \[13, 20\]; pad to \[16, 20\]"):
        network(np.zeros((1, 13, 20, 3), np.uint8))
    with pytest.raises(DataError, match="holds Conv, Conv_1, not one of"):
        (tmp_path / "model.json").unlink()
        Network.from_checkpoint(tmp_path / "model")


def test_called_twice_in_one_function_it_has_the_same_variables(plugin):
    network = randomized(MODELS["my_net"].function)
    images = tf.zeros([1, 8, 8, 3])
    twice = tf.function(lambda: network(images) + network(images))()
    assert len(network.variables_by_name) == 4
    np.testing.assert_allclose(twice, 2 * network(images), rtol=1e-6)


def test_the_description_names_the_plugin_and_its_hash(plugin, tmp_path):
    # fault 66
    randomized(MODELS["my_net"].function).save(tmp_path / "model")
    described = json.loads((tmp_path / "model.json").read_text())
    digest = hashlib.sha256(plugin.read_bytes()).hexdigest()
    assert described["plugin"] == {"file": "my_parts.py", "sha256": digest}
    MODELS.remove_from(MODELS["my_net"].function.__module__)
    with pytest.raises(DataError, match=r"my_net, which is defined in my_parts.py; .*--plugins"):
        Network.from_checkpoint(tmp_path / "model")
    load_plugins([plugin])
    assert Network.from_checkpoint(tmp_path / "model").model_name == "my_net"


def test_a_changed_plugin_is_a_warning_with_both_hashes(plugin, tmp_path):
    # fault 67
    randomized(MODELS["my_net"].function).save(tmp_path / "model")
    before = hashlib.sha256(plugin.read_bytes()).hexdigest()
    plugin.write_text(PLAIN + "# changed\n")
    after = hashlib.sha256(plugin.read_bytes()).hexdigest()
    load_plugins([plugin])
    with pytest.warns(UserWarning, match=f"my_parts.py of SHA-256 {before}; now .* {after}"):
        Network.from_checkpoint(tmp_path / "model")


def test_a_checkpoint_of_another_model_is_refused_with_both_names(plugin, tmp_path):
    # fault 67
    thin = {"width_multiplier": 0.05, "fc6_kernel": 1}
    randomized(fcn_32s, **thin).save(tmp_path / "fcn")
    randomized(MODELS["my_net"].function).save(tmp_path / "mine")
    with pytest.raises(DataError, match="holds fcn_32s, not my_net"):
        randomized(MODELS["my_net"].function).restore(tmp_path / "fcn")
    with pytest.raises(DataError, match="holds my_net, not fcn_32s"):
        randomized(fcn_32s, **thin).restore(tmp_path / "mine")
    MODELS.remove_from(MODELS["my_net"].function.__module__)
    with pytest.raises(DataError, match="holds my_net, not fcn_32s"):
        randomized(fcn_32s, **thin).restore(tmp_path / "mine")
    load_plugins([plugin])


def test_a_function_without_compute_dtype_computes_in_float32_alone(plugin):
    with pytest.raises(DataError, match="my_net computes in float32 alone"):
        Network(MODELS["my_net"].function, 3, "bfloat16")


def head(images, num_classes, is_training, **options):
    scale = tf.compat.v1.get_variable("scale", [1, num_classes])
    steps = tf.compat.v1.get_variable(
        "steps", initializer=tf.constant(2.0), trainable=False, use_resource=True
    )
    if is_training:
        steps.assign_add(1.0)
    return tf.reduce_mean(tf.cast(images, tf.float32), -1, keepdims=True) * scale * steps, options


def test_variables_that_are_not_trainable_are_kept_and_get_no_gradient(tmp_path):
    network = Network(head, 3)
    assert set(network.variables_by_name) == {"scale", "steps"}
    assert set(network.trainable_variables_by_name) == {"scale"}
    network(np.ones((1, 2, 2, 3), np.uint8), is_training=True)
    assert network.variables_by_name["steps"].numpy() == 3
    network.save(tmp_path / "model")
    other = Network(head, 3)
    other.restore(tmp_path / "model")
    assert other.variables_by_name["steps"].numpy() == 3


def test_a_start_from_another_model_may_lack_what_the_spec_lists(tmp_path):
    @register_model(scope="old")
    def old_net(images, num_classes, is_training):
        with tf.compat.v1.variable_scope("old"):
            net = tf.compat.v1.get_variable("base/weights", [3, 4])
            head = tf.compat.v1.get_variable("head/weights", [4, num_classes])
        return tf.cast(images, tf.float32) @ net @ head, {}

    @register_model(starts_from={"old_net": ("head", "extra"), "base": ("head", "extra")})
    def new_net(images, num_classes, is_training):
        with tf.compat.v1.variable_scope("new_net"):
            net = tf.compat.v1.get_variable("base/weights", [3, 4])
            head = tf.compat.v1.get_variable("head/weights", [4, num_classes])
            extra = tf.compat.v1.get_variable("extra/biases", [num_classes])
        return tf.cast(images, tf.float32) @ net @ head + extra, {}

    try:
        old = Network(old_net, 5)
        old.save(tmp_path / "old")
        new = Network(new_net, 3)
        report = new.restore(tmp_path / "old")
        assert report.restored == ("new_net/base/weights",)
        assert report.initialized == ("new_net/head/weights", "new_net/extra/biases")
        weights = old.variables_by_name["old/base/weights"].numpy()
        np.testing.assert_array_equal(new.variables_by_name["new_net/base/weights"], weights)
        np.savez(tmp_path / "base.npz", **{"base/weights": weights})
        assert Network(new_net, 3).restore(tmp_path / "base.npz").restored == report.restored
        with pytest.raises(DataError, match=r"holds new_net, not old_net"):
            new.save(tmp_path / "new")
            old.restore(tmp_path / "new")
    finally:
        MODELS.remove_from(__name__)


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ("logits", "got SymbolicTensor"),
        ("None", "got NoneType"),
        ("(logits[..., :-1], {})", r"got float32 \(None, None, None, 2\)"),
        ("(tf.cast(logits, tf.float16), {})", "got float16"),
        ("(logits[0], {})", r"got float32 \(None, None, 3\)"),
    ],
)
def test_what_is_no_logits_is_refused_before_training(tmp_path, result, found):
    path = tmp_path / "wrong.py"
    path.write_text(PLAIN.split("    return")[0] + f"    return {result}\n")
    load_plugins([path])
    try:
        with pytest.raises(DataError, match=r"model 'my_net' must return \(logits, .*" + found):
            Network(MODELS["my_net"].function, 3)
    finally:
        MODELS.remove_from(MODELS["my_net"].function.__module__)


@pytest.mark.parametrize("divisor", [0, 2.5, "4"])
def test_a_size_divisor_is_a_whole_number(divisor):
    with pytest.raises(ValueError, match=f"size_divisor must be a whole number .* got {divisor}"):
        register_model(size_divisor=divisor)(head)
