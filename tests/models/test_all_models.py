"""What every model of the registry must do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from model_cases import CASES, THIN, case

from tf_image_segmentation.export import export_onnx, export_saved_model, export_tflite
from tf_image_segmentation.export.onnx import load_onnx
from tf_image_segmentation.export.saved_model import load_saved_model
from tf_image_segmentation.export.tflite import load_tflite
from tf_image_segmentation.models import MODELS, Network
from tf_image_segmentation.models.description import describe

NUM_CLASSES = 3
# Names that published checkpoints have, below the model's own scope.
PUBLISHED = {
    "deeplab_v3": [
        "image_pooling/weights",
        "aspp0/BatchNorm/gamma",
        "concat_projection/BatchNorm/moving_mean",
        "logits/semantic/biases",
    ],
    "deeplab_v3_plus": [
        "aspp1_depthwise/depthwise_weights",
        "aspp3_pointwise/BatchNorm/beta",
        "decoder/feature_projection0/weights",
        "decoder/decoder_conv1_pointwise/weights",
    ],
    "deeplab_v3_plus_mobilenet": ["MobilenetV2/expanded_conv_16/project/weights"],
    "fcn": ["vgg_16/conv1/conv1_1/weights", "vgg_16/conv5/conv5_3/biases", "vgg_16/fc8/weights"],
    "resnet_v1_50": [
        "resnet_v1_50/conv1/BatchNorm/moving_mean",
        "resnet_v1_50/block2/unit_2/bottleneck_v1/conv2/weights",
        "resnet_v1_50/block4/unit_1/bottleneck_v1/shortcut/BatchNorm/gamma",
        "resnet_v1_50/logits/biases",
    ],
    "resnet_v1_101": [
        "resnet_v1_101/conv1/weights",
        "resnet_v1_101/block3/unit_1/bottleneck_v1/conv3/BatchNorm/beta",
        "resnet_v1_101/logits/weights",
    ],
    "mobilenet_v2": [
        "MobilenetV2/Conv/weights",
        "MobilenetV2/expanded_conv/depthwise/depthwise_weights",
        "MobilenetV2/expanded_conv_16/project/BatchNorm/moving_variance",
        "logits/weights",
    ],
    "unet_vgg_16": ["vgg_16/conv1/conv1_1/weights", "decoder/stage3/conv2/BatchNorm/gamma"],
}
MODEL = pytest.mark.parametrize("name", sorted(THIN))
_networks: dict[str, Network] = {}


def network_of(name: str) -> Network:
    """A thin network whose variables all matter; made once, and not to be changed."""
    if name not in _networks:
        function, _, options = case(name)
        network = _networks[name] = Network(function, NUM_CLASSES, **options)
        rng = np.random.default_rng(0)
        for variable_name, variable in network.variables_by_name.items():
            if variable_name.endswith("weights"):
                fan_in = np.prod(variable.shape[:-1])
                if "depthwise" in variable_name:
                    fan_in = 9
                variable.assign(rng.normal(0, np.sqrt(2 / fan_in), variable.shape))
            elif variable_name.endswith(("gamma", "moving_variance")):
                variable.assign(rng.uniform(0.5, 1.0, variable.shape))
            else:
                variable.assign(rng.normal(0, 0.1, variable.shape))
    return _networks[name]


def images_for(name: str, height: int = 2, width: int = 3, batch: int = 1) -> np.ndarray:
    """Images of ``height`` and ``width`` times the size divisor."""
    divisor = MODELS[name].size_divisor
    shape = (batch, height * divisor, width * divisor, 3)
    return np.random.default_rng(height).integers(0, 256, shape).astype(np.uint8)


def assert_close(found, expected, share=1e-4):
    expected = np.asarray(expected)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(found, expected, atol=share * np.abs(expected).max())


def test_every_built_in_model_is_tested_here():
    built_in = {n for n in MODELS if MODELS.module_of(n).startswith("tf_image_segmentation.")}
    assert built_in == set(THIN)


@MODEL
def test_logits_have_the_size_of_the_images(name):
    network = network_of(name)
    for height, width, batch in ((1, 2, 1), (3, 1, 2)):
        images = images_for(name, height, width, batch)
        logits = network(images)
        assert logits.shape == (*images.shape[:3], NUM_CLASSES) and logits.dtype == tf.float32
    divisor = network.spec.size_divisor
    if divisor == 1:
        return
    with pytest.raises(ValueError, match=f"multiples of {divisor}, got .*; pad to "):
        network(np.zeros((1, divisor + 1, divisor, 3), np.uint8))


@MODEL
def test_a_function_and_a_batch_give_what_an_image_gives_alone(name):
    network, images = network_of(name), images_for(name, batch=2)
    compiled = tf.function(lambda batch: network(batch))(tf.constant(images))
    for image, logits in zip(images, compiled, strict=True):
        assert_close(network(image[np.newaxis])[0], logits)


@MODEL
def test_padding_is_zero_for_the_first_layer(name):
    """An image of the padding color gives what its normalized zeros give: no edges."""
    spec = MODELS[name]
    size = 3 * spec.size_divisor
    color = np.full((1, size, size, 3), spec.pad_value, np.float32)
    layers = Network(spec.function, NUM_CLASSES, **THIN[name]).end_points(color)
    assert not np.any(next(iter(layers.values())))


@MODEL
def test_bfloat16_is_near_float32_and_leaves_variables_in_float32(name, tmp_path):
    exact = network_of(name)
    exact.save(tmp_path / "model")
    function, _, options = case(name)
    rounded = Network(function, NUM_CLASSES, "bfloat16", **options)
    rounded.restore(tmp_path / "model")
    assert {v.dtype for v in rounded.variables_by_name.values()} == {tf.float32}
    logits, expected = rounded(images_for(name)), exact(images_for(name)).numpy()
    assert logits.dtype == tf.float32
    assert 0 < np.abs(logits - expected).max() < 0.15 * np.ptp(expected)


@MODEL
def test_saved_and_loaded_it_is_the_same_with_and_without_its_description(name, tmp_path):
    network, images = network_of(name), images_for(name)
    network.save(tmp_path / "model")
    assert describe(tmp_path / "model").model == name
    rebuilt = Network.from_checkpoint(tmp_path / "model", name)
    np.testing.assert_array_equal(rebuilt(images), network(images))
    (tmp_path / "model.json").unlink()
    guessed = describe(tmp_path / "model")
    assert (guessed.model, guessed.num_classes) == (name, NUM_CLASSES)


@MODEL
def test_variables_are_named_as_in_published_checkpoints(name):
    network = network_of(name)
    names = [n for family, found in PUBLISHED.items() if name.startswith(family) for n in found]
    assert names and {f"{name}/{n}" for n in names} <= set(network.variables_by_name)
    frozen = set(network.variables_by_name) - set(network.trainable_variables_by_name)
    assert all("BatchNorm/moving_" in variable for variable in frozen)
    assert bool(frozen) == (not name.startswith("fcn"))


@MODEL
def test_a_plain_graph_gives_the_same(name, tmp_path):
    network, images = network_of(name), images_for(name)
    network.save(tmp_path / "model")
    function, _, options = case(name)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        logits, _ = function(tf.constant(images), NUM_CLASSES, False, **options)
        tf.compat.v1.train.Saver().restore(session, str(tmp_path / "model"))
        found = session.run(logits)
    assert_close(found, network(images))


@MODEL
def test_gradients_reach_every_variable_that_is_trainable(name):
    network = network_of(name)
    variables = network.trainable_variables_by_name

    @tf.function(autograph=False)
    def gradients(images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(images, is_training=False) ** 2)
        return tape.gradient(loss, list(variables.values()))

    found = gradients(tf.constant(images_for(name)))
    assert not [n for n, gradient in zip(variables, found, strict=True) if gradient is None]


def expected_prediction(network: Network, image: np.ndarray) -> np.ndarray:
    """Probabilities of an image padded by hand."""
    divisor = network.spec.size_divisor
    height, width = image.shape[:2]
    sides = [-(-side // divisor) * divisor for side in (height, width)]
    padded = np.broadcast_to(np.float32(network.spec.pad_value), (*sides, 3)).copy()
    padded[:height, :width] = image
    return tf.nn.softmax(network(padded[np.newaxis])[0, :height, :width]).numpy()


@MODEL
def test_a_saved_model_predicts_the_same_at_any_size(name, tmp_path):
    network = network_of(name)
    export_saved_model(network, tmp_path / "saved")
    predict = load_saved_model(tmp_path / "saved")
    divisor = network.spec.size_divisor
    for height, width in ((divisor + 1, 2 * divisor), (5, 3 * divisor - 1)):
        image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
        labels, probabilities = predict(image)
        assert labels.shape == (height, width)
        np.testing.assert_allclose(probabilities, expected_prediction(network, image), atol=1e-3)


# One of each family.
FAMILIES = (
    "deeplab_v3_plus_mobilenet_v2",
    "fcn_8s",
    "mobilenet_v2_fcn_16s",
    "resnet_v1_50_8s",
    "unet_vgg_16",
)


@pytest.mark.parametrize("name", FAMILIES)
def test_other_formats_predict_the_same(name, tmp_path):
    network = network_of(name)
    divisor = network.spec.size_divisor
    shape = (divisor + 3, 2 * divisor, 3)
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    expected = expected_prediction(network, image)
    export_tflite(network, tmp_path / "model.tflite")
    found = [load_tflite(tmp_path / "model.tflite")(image)]
    if all(module in sys.modules or _installed(module) for module in ("tf2onnx", "onnxruntime")):
        export_onnx(network, tmp_path / "model.onnx")
        found.append(load_onnx(tmp_path / "model.onnx")(image))
    for _, probabilities in found:
        np.testing.assert_allclose(probabilities, expected, atol=5e-3)


def _installed(module: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(module) is not None


def test_two_replicas_equal_one_device():
    folder = Path(__file__).parent
    command = [sys.executable, str(folder / "two_replicas.py"), "model_cases"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    differences = json.loads(result.stdout)
    assert set(differences) == set(CASES)
    for name, of_variables in differences.items():
        far = {variable: share for variable, share in of_variables.items() if share > 2e-3}
        assert not far, name
