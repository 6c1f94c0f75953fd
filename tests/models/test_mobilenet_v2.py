"""MobileNetV2 against Keras's, which is another implementation of the same paper."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_image_segmentation.models import Network, mobilenet_v2, mobilenet_v2_fcn_16s


def features(images, num_classes, is_training, output_stride=32, **options):
    images = tf.cast(images, tf.float32)
    return mobilenet_v2(images, is_training, output_stride, **options)


def randomized(function, **options) -> Network:
    network = Network(function, 3, **options)
    rng = np.random.default_rng(0)
    for name, variable in network.variables_by_name.items():
        if name.endswith(("gamma", "moving_variance")):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif not name.endswith("weights"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    return network


def keras_name(weight) -> str:
    """The name in slim of a weight in Keras."""
    layer, kind = weight.path.split("/")[-2:]
    kinds = {"moving_mean": "moving_mean", "moving_variance": "moving_variance"}
    kinds |= {"gamma": "gamma", "beta": "beta", "kernel": "weights"}
    is_norm = "BN" in layer or layer.startswith("bn")
    if layer in ("Conv1", "bn_Conv1"):
        scope = "Conv"
    else:
        parts = layer.removesuffix("_BN").split("_")
        number = {"expanded": 0}.get(parts[0]) if parts[0] == "expanded" else int(parts[1])
        scope = f"expanded_conv_{number}" if number else "expanded_conv"
        scope += f"/{parts[-1]}"
        if parts[-1] == "depthwise" and not is_norm:
            return f"MobilenetV2/{scope}/depthwise_weights"
    return f"MobilenetV2/{scope}/" + ("BatchNorm/" if is_norm else "") + kinds[kind]


def test_features_are_those_of_keras():
    network = randomized(features, depth_multiplier=0.35)
    whole = keras.applications.MobileNetV2((96, 64, 3), alpha=0.35, include_top=False, weights=None)
    other = keras.Model(whole.input, whole.get_layer("block_16_project_BN").output)
    names = [keras_name(weight) for weight in other.weights]
    assert sorted(names) == sorted(network.variables_by_name)
    for weight, name in zip(other.weights, names, strict=True):
        weight.assign(network.variables_by_name[name].numpy())
    images = np.random.default_rng(1).uniform(-1, 1, (2, 96, 64, 3)).astype(np.float32)
    expected = other(images, training=False).numpy()
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(network(images), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("stride", [8, 16])
def test_dilated_features_agree_with_strided_ones_where_both_are(stride):
    """Up to where the strides part, and in size."""
    dilated = randomized(features, depth_multiplier=0.35, output_stride=stride)
    strided = randomized(features, depth_multiplier=0.35)
    for name, variable in strided.variables_by_name.items():
        dilated.variables_by_name[name].assign(variable)
    images = np.random.default_rng(1).uniform(-1, 1, (1, 96, 64, 3)).astype(np.float32)
    assert dilated(images).shape == (1, 96 // stride, 64 // stride, 112)
    last = f"MobilenetV2/expanded_conv_{ {8: 5, 16: 12}[stride] }"
    found, expected = dilated.end_points(images)[last], strided.end_points(images)[last]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_symmetric_padding_is_that_of_pytorch():
    network = randomized(features, depth_multiplier=0.35, variant="torch")
    images = np.random.default_rng(1).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    kernel = network.variables_by_name["MobilenetV2/Conv/weights"].numpy()
    gamma, beta, mean, variance = (
        network.variables_by_name[f"MobilenetV2/Conv/BatchNorm/{name}"].numpy()
        for name in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    expected = np.zeros((1, 16, 16, kernel.shape[-1]))
    for row in range(16):
        for column in range(16):
            around = padded[0, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            expected[0, row, column] = np.tensordot(around, kernel, 3)
    expected = (expected - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    found = network.end_points(images)["MobilenetV2/Conv"]
    np.testing.assert_allclose(found, np.clip(expected, 0, 6), atol=1e-5)


def test_unknown_options_list_the_choices():
    with pytest.raises(ValueError, match=r"output_stride must be 8, 16 or 32, got 4"):
        Network(features, 3, output_stride=4)
    with pytest.raises(ValueError, match=r"depth_multiplier must be above 0 .* got -1 and 8"):
        Network(features, 3, depth_multiplier=-1)
    with pytest.raises(ValueError, match=r"unknown variant 'keras'; choose from \['slim', 'torch"):
        Network(features, 3, variant="keras")


def test_it_starts_from_slims_backbone(tmp_path):
    source = randomized(features, depth_multiplier=0.35)
    arrays = {name: v.numpy() for name, v in source.variables_by_name.items()}
    np.savez(tmp_path / "backbone.npz", **arrays, **{"MobilenetV2/Logits/biases": np.zeros(1001)})
    network = Network(mobilenet_v2_fcn_16s, 3, depth_multiplier=0.35)
    report = network.restore(tmp_path / "backbone.npz")
    assert len(report.restored) == len(arrays)
    assert {name.split("/")[-2] for name in report.initialized} == {"logits"}


@pytest.mark.parametrize("nested", [False, True])
def test_it_starts_from_pytorchs_names(tmp_path, nested):
    """The same numbers under the names of a state dictionary; torchvision nests them."""
    source = randomized(features, depth_multiplier=0.35, variant="torch")
    numbers = {"expand": (0, 1), "depthwise": (3, 4), "project": (6, 7)}
    inside = {"expand": ("0.0", "0.1"), "depthwise": ("1.0", "1.1"), "project": ("2", "3")}
    of_norm = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}
    of_norm["moving_variance"] = "running_var"
    arrays = {"features.1.conv.1.num_batches_tracked": np.int64(3)}
    for name, variable in source.variables_by_name.items():
        _, block, *layer, kind = name.split("/")
        value = variable.numpy()
        if kind.endswith("weights"):
            value = value.transpose((2, 3, 0, 1) if kind.startswith("depth") else (3, 2, 0, 1))
        index = 1 if "BatchNorm" in layer else 0
        if block == "Conv":
            place = f"features.0.{index}"
        else:
            number = int(block.split("_")[2]) + 1 if block.count("_") > 1 else 1
            place = str((inside if nested else numbers)[layer[0]][index])
            if number == 1:  # has no expansion, so that its layers count from 0
                first, *rest = (int(part) for part in place.split("."))
                place = ".".join(str(n) for n in (first - (1 if nested else 3), *rest))
            place = f"features.{number}.conv.{place}"
        arrays[f"{place}.{of_norm.get(kind, 'weight')}"] = value
    np.savez(tmp_path / "torch.npz", **arrays)
    network = Network(features, 3, depth_multiplier=0.35, variant="torch")
    assert len(network.restore(tmp_path / "torch.npz").restored) == len(arrays) - 1
    for name, variable in source.variables_by_name.items():
        np.testing.assert_array_equal(network.variables_by_name[name], variable)


def test_the_public_weights_fit(shared_data):
    network = Network(features, 3, variant="torch")
    report = network.restore(shared_data / "mobilenet_v2/mobilenetv2_1.0_torch.npz")
    assert not report.initialized and all("Conv_1" in name for name in report.unused)
