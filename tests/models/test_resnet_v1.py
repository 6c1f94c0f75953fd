"""ResNet-v1 against ``tf_slim.nets.resnet_v1``, and starts from its checkpoints."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim
from tensorflow.python.framework import ops
from tf_slim.layers import layers as slim_layers
from tf_slim.nets import resnet_utils
from tf_slim.nets import resnet_v1 as slim_resnet

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import (
    RGB_MEAN,
    Network,
    resnet_v1_50_8s,
    resnet_v1_50_16s,
    resnet_v1_101_16s,
)

THIN = {"width_multiplier": 0.125, "units": [1, 2, 2, 1]}


@pytest.fixture
def slims_own(monkeypatch):
    """slim's ResNet with slim's own fused batch normalization, which its wrapper no longer reaches.

    The wrapper needs a Keras 2 layer, which is gone.
    """

    @slim.add_arg_scope
    def batch_norm(inputs, updates_collections=None, **options):
        return slim_layers._fused_batch_norm(inputs, **options)

    monkeypatch.setattr(ops, "Tensor", tf.Tensor, raising=False)  # moved since
    monkeypatch.setattr(slim_layers, "batch_norm", batch_norm)
    monkeypatch.setattr(slim, "batch_norm", batch_norm)
    monkeypatch.setattr(slim.layers, "batch_norm", batch_norm)


def slim_scores(images, stride, variables, blocks=None):
    """What slim computes with these variables, by their names without the model's scope."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        inputs = tf.cast(tf.constant(images), tf.float32) - tf.constant(RGB_MEAN)
        options = {"is_training": False, "global_pool": False, "output_stride": stride}
        with slim.arg_scope(resnet_utils.resnet_arg_scope()):
            scores, _ = slim_resnet.resnet_v1_50(inputs, 3, **options)
        found = {v.op.name: v for v in tf.compat.v1.global_variables()}
        assert {name: tuple(v.shape) for name, v in found.items()} == {
            name: v.shape for name, v in variables.items()
        }
        for name, variable in found.items():
            variable.load(variables[name], session)
        return session.run(scores)


@pytest.mark.parametrize(("model", "stride"), [(resnet_v1_50_8s, 8), (resnet_v1_50_16s, 16)])
def test_scores_and_names_are_those_of_slim(slims_own, model, stride):
    network = Network(model, 3)
    rng = np.random.default_rng(0)
    for name, variable in network.variables_by_name.items():
        if name.endswith(("gamma", "moving_variance")):
            variable.assign(rng.uniform(0.3, 0.7, variable.shape))
        elif not name.endswith("weights"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    images = rng.integers(0, 256, (1, 48, 80, 3)).astype(np.uint8)
    variables = {
        name.removeprefix(f"{network.model_name}/"): v.numpy()
        for name, v in network.variables_by_name.items()
    }
    expected = slim_scores(images, stride, variables)
    found = network.end_points(images)[f"{network.model_name}/resnet_v1_50/logits"]
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert network(images).shape == (1, 48, 80, 3)


def test_variables_of_the_deeper_one_are_those_of_the_published_checkpoint():
    with tf.Graph().as_default():
        resnet_v1_101_16s(tf.zeros([1, 32, 32, 3]), 21)
        found = {v.op.name: v.shape.as_list() for v in tf.compat.v1.global_variables()}
    assert len(found) == 5 * (1 + 33 * 3 + 4) + 2
    scope = "resnet_v1_101_16s/resnet_v1_101"
    assert found[f"{scope}/conv1/weights"] == [7, 7, 3, 64]
    last = f"{scope}/block3/unit_23/bottleneck_v1/conv3"
    assert found[f"{last}/weights"] == [1, 1, 256, 1024]
    assert found[f"{last}/BatchNorm/moving_variance"] == [1024]
    assert found[f"{scope}/block4/unit_1/bottleneck_v1/shortcut/weights"] == [1, 1, 1024, 2048]
    assert found[f"{scope}/logits/biases"] == [21]


def classifier(network, classes=1000) -> dict[str, np.ndarray]:
    """The weights as slim's checkpoint of a classifier has them."""
    scope = f"{network.model_name}/"
    found = {name.removeprefix(scope): v.numpy() for name, v in network.variables_by_name.items()}
    channels = found["resnet_v1_50/logits/weights"].shape[2]
    found["resnet_v1_50/logits/weights"] = np.zeros((1, 1, channels, classes), np.float32)
    found["resnet_v1_50/logits/biases"] = np.zeros(classes, np.float32)
    return found | {"global_step": np.array(7), "resnet_v1_50/mean_rgb": np.zeros(3, np.float32)}


def test_it_starts_from_slims_classifier_with_new_logits(tmp_path):
    source = Network(resnet_v1_50_16s, 3, **THIN)
    np.savez(tmp_path / "resnet.npz", **classifier(source))
    report = Network(resnet_v1_50_8s, 3, **THIN).restore(tmp_path / "resnet.npz")
    assert {name.split("/")[-2] for name in report.initialized} == {"logits"}
    assert len(report.restored) == len(source.variables_by_name) - 2
    assert set(report.unused) >= {"global_step", "resnet_v1_50/mean_rgb"}


def test_the_other_stride_starts_from_it_and_the_other_depth_does_not(tmp_path):
    source = Network(resnet_v1_50_16s, 3, **THIN)
    source.save(tmp_path / "model")
    finer = Network(resnet_v1_50_8s, 3, **THIN)
    assert finer.restore(tmp_path / "model").initialized == ()
    with pytest.raises(DataError, match="holds resnet_v1_50_16s, not resnet_v1_101_16s"):
        Network(resnet_v1_101_16s, 3, **THIN).restore(tmp_path / "model")


def test_batch_normalization_is_frozen_unless_it_is_asked_for():
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.uint8)
    for freeze in (True, False):
        network = Network(resnet_v1_50_16s, 3, freeze_batch_norm=freeze, **THIN)
        before = {name: v.numpy() for name, v in network.variables_by_name.items()}
        network(images, is_training=True)
        changed = [n for n, v in network.variables_by_name.items() if np.any(v != before[n])]
        moving = [n for n in before if "moving" in n]
        assert changed == ([] if freeze else moving)


@pytest.mark.parametrize("units", [[1, 1], [1, 1, 1, 0], [1, 1, 1, 1, 1]])
def test_units_are_those_of_four_blocks(units):
    with pytest.raises(ValueError, match=r"units must be 4 numbers from 1 on, got \["):
        Network(resnet_v1_50_16s, 3, width_multiplier=0.125, units=units)
