"""The three models, held against slim's own VGG-16 and dense transposed convolutions."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim
from tf_slim.nets import vgg as slim_vgg

from tf_image_segmentation.models import Network, fcn_8s, fcn_16s, fcn_32s

MODELS = {"fcn_32s": fcn_32s, "fcn_16s": fcn_16s, "fcn_8s": fcn_8s}

THIN = {"width_multiplier": 0.05}
STAGES = {"fcn_32s": (), "fcn_16s": ("pool4_fc",), "fcn_8s": ("pool4_fc", "pool3_fc")}


def random_images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)


def randomize(network: Network, seed: int = 1) -> None:
    """Gives every variable values that matter, the zero-initialized skip layers too."""
    rng = np.random.default_rng(seed)
    for name, variable in network.variables_by_name.items():
        fan_in = np.prod(variable.shape[:-1]) if "weights" in name else 1e4
        scale = 0.01 if "_fc" in name else np.sqrt(2 / fan_in)
        variable.assign(rng.normal(0, scale, variable.shape))


def dense_upsampling(scores: tf.Tensor, factor: int) -> tf.Tensor:
    """The classic way: a class-by-class bilinear kernel in a transposed convolution."""
    size = 2 * factor - factor % 2
    center = factor - 1 if size % 2 == 1 else factor - 0.5
    triangle = 1 - np.abs(np.arange(size) - center) / factor
    classes = scores.shape[-1]
    kernel = np.zeros((size, size, classes, classes), np.float32)
    for label in range(classes):
        kernel[:, :, label, label] = np.outer(triangle, triangle)
    batch, height, width, _ = scores.shape
    output_shape = [batch, height * factor, width * factor, classes]
    return tf.nn.conv2d_transpose(scores, kernel, output_shape, factor, "SAME")


@pytest.mark.parametrize("name", MODELS)
def test_equals_dense_transposed_convolutions(name):
    network = Network(MODELS[name], 21, **THIN)
    randomize(network)
    images = random_images(2, 96, 160)
    layers = network.end_points(images)
    fused, stride = layers[f"{name}/vgg_16/fc8"], 32
    for skip in STAGES[name]:
        fused = dense_upsampling(fused, 2) + layers[f"{name}/{skip}"]
        stride //= 2
    expected = dense_upsampling(fused, stride).numpy()
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(network(images), expected, atol=1e-4 * np.ptp(expected))


def published_shapes(name: str, classes: int = 21) -> dict[str, tuple[int, ...]]:
    """Written out from the published checkpoints, not from our definition."""
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    layers = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3"]
    layers += ["5_1", "5_2", "5_3"]
    shapes = {}
    for layer, inputs, outputs in zip(layers, channels, channels[1:], strict=False):
        shapes[f"vgg_16/conv{layer[0]}/conv{layer}"] = (3, 3, inputs, outputs)
    shapes["vgg_16/fc6"] = (7, 7, 512, 4096)
    shapes["vgg_16/fc7"] = (1, 1, 4096, 4096)
    shapes["vgg_16/fc8"] = (1, 1, 4096, classes)
    shapes |= {skip: (1, 1, {"4": 512, "3": 256}[skip[4]], classes) for skip in STAGES[name]}
    weights = {f"{name}/{layer}/weights": shape for layer, shape in shapes.items()}
    biases = {f"{name}/{layer}/biases": shape[-1:] for layer, shape in shapes.items()}
    return weights | biases


@pytest.mark.parametrize("name", MODELS)
def test_variables_are_those_of_published_checkpoints(name):
    with tf.Graph().as_default():
        images = tf.compat.v1.placeholder(tf.float32, [1, 64, 64, 3])
        MODELS[name](images, 21, is_training=False)
        found = {v.op.name: tuple(v.shape) for v in tf.compat.v1.global_variables()}
    assert found == published_shapes(name)


def test_convolutions_equal_those_of_slim_vgg_16():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        # slim's fc6 has VALID padding and needs an image of at least 224x224.
        images = tf.constant(random_images(1, 224, 224), tf.float32)
        centerd = images - tf.constant([123.68, 116.78, 103.94])
        with slim.arg_scope(slim_vgg.vgg_arg_scope()):
            _, slim_layers = slim_vgg.vgg_16(centerd, is_training=False)
        _, our_layers = fcn_32s(images, 21, is_training=False)
        variables = {v.op.name: v for v in tf.compat.v1.global_variables() if "/conv" in v.op.name}
        session.run(tf.compat.v1.variables_initializer(list(variables.values())))
        theirs = {name for name in variables if name.startswith("vgg_16/")}
        assert len(theirs) == 26
        session.run([variables[f"fcn_32s/{name}"].assign(variables[name]) for name in theirs])
        names = [name for name in slim_layers if "/conv" in name or "/pool" in name]
        assert len(names) == 18
        expected, found = session.run(
            [
                {name: slim_layers[name] for name in names},
                {name: our_layers[f"fcn_32s/{name}"] for name in names},
            ]
        )
    for name in names:
        assert np.ptp(expected[name]) > 0
        largest = np.abs(expected[name]).max()
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6 * largest)


@pytest.mark.parametrize("name", MODELS)
def test_plain_graph_gives_what_network_gives(name, tmp_path):
    network = Network(MODELS[name], 5, **THIN)
    randomize(network)
    network.save(tmp_path / "model")
    images = random_images(1, 64, 96)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        logits, end_points = MODELS[name](tf.constant(images), 5, is_training=False, **THIN)
        tf.compat.v1.train.Saver().restore(session, str(tmp_path / "model"))
        in_graph = session.run(logits)
    assert f"{name}/vgg_16/pool5" in end_points
    np.testing.assert_allclose(network(images), in_graph, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_eager_and_function_and_dtypes_agree(name):
    network = Network(MODELS[name], 5, **THIN)
    randomize(network)
    images = random_images(1, 64, 96)
    eager = network(images)
    assert eager.dtype == tf.float32 and eager.shape == (1, 64, 96, 5)
    compiled = tf.function(lambda batch: network(batch))(tf.constant(images))
    np.testing.assert_allclose(compiled, eager, rtol=1e-4, atol=1e-4)
    for dtype in (np.int32, np.float32, np.float64):
        np.testing.assert_allclose(network(images.astype(dtype)), eager, rtol=1e-5, atol=1e-5)


def test_bfloat16_stays_close_and_keeps_float32_variables_and_logits(tmp_path):
    exact = Network(fcn_8s, 5, **THIN)
    randomize(exact)
    exact.save(tmp_path / "model")
    rounded = Network(fcn_8s, 5, compute_dtype="bfloat16", **THIN)
    rounded.restore(tmp_path / "model")
    images = random_images(1, 64, 96)
    assert {v.dtype for v in rounded.variables_by_name.values()} == {tf.float32}
    logits, expected = rounded(images).numpy(), exact(images).numpy()
    assert logits.dtype == np.float32
    difference = np.abs(logits - expected).max() / np.ptp(expected)
    assert 0 < difference < 0.05


def test_fresh_skip_layers_are_zero():
    network = Network(fcn_8s, 5, **THIN)
    for name, variable in network.variables_by_name.items():
        if "_fc/" in name:
            assert not np.any(variable.numpy())


def coarse_and_fine(tmp_path, skip_fusion: str):
    coarse = Network(fcn_32s, 5, **THIN)
    randomize(coarse)
    coarse.save(tmp_path / "fcn_32s")
    fine = Network(fcn_16s, 5, skip_fusion=skip_fusion, **THIN)
    fine.restore(tmp_path / "fcn_32s")
    images = random_images(1, 192, 256)
    return coarse(images).numpy(), fine(images).numpy()


def test_fcn_16s_restored_from_fcn_32s_predicts_the_same(tmp_path):
    coarse, fine = coarse_and_fine(tmp_path, "direct")
    assert len(np.unique(coarse.argmax(-1))) > 1
    np.testing.assert_array_equal(fine, coarse)


def test_published_fusion_cuts_the_corners_of_fcn_32s(tmp_path):
    # Upsampling by 2 and by 16 is upsampling by 32 only in the middle half of each interval.
    coarse, fine = coarse_and_fine(tmp_path, "staged")
    middle = np.arange(192) % 32
    # Interpolation runs between cell centers, which lie at 15.5 of each 32 pixels.
    rows = (np.abs((middle - 15.5) % 32 - 16) < 7) & (np.arange(192) > 16) & (np.arange(192) < 175)
    columns = np.abs((np.arange(256) % 32 - 15.5) % 32 - 16) < 7
    columns &= (np.arange(256) > 16) & (np.arange(256) < 239)
    inside = np.ix_([0], rows, columns)
    scale = np.ptp(coarse)
    np.testing.assert_allclose(fine[inside], coarse[inside], atol=1e-5 * scale)
    assert np.abs(fine - coarse).max() > 1e-3 * scale
    assert np.mean(fine.argmax(-1) == coarse.argmax(-1)) > 0.9


def test_unknown_skip_fusion_lists_the_choices():
    with pytest.raises(ValueError, match=r"unknown skip_fusion 'late'; choose from .*staged"):
        Network(fcn_16s, 5, skip_fusion="late", **THIN)


def test_dropout_follows_from_its_seed_alone():
    network = Network(fcn_32s, 5, **THIN)
    images = random_images(1, 64, 64)
    seeded = tf.function(lambda seed: network(images, is_training=True, dropout_seed=seed))
    first = seeded(tf.constant([3, 4]))
    np.testing.assert_array_equal(first, seeded(tf.constant([3, 4])))
    assert np.any(first != seeded(tf.constant([3, 5])))
    assert np.any(network(images, is_training=True) != network(images))


@pytest.mark.parametrize("shape", [(1, 33, 64, 3), (1, 64, 0, 3)])
def test_sides_that_do_not_fit_say_what_to_pad_to(shape):
    network = Network(fcn_32s, 5, **THIN)
    with pytest.raises(ValueError, match=r"multiples of 32, got .*; pad to \[64, (64|32)\]"):
        network(np.zeros(shape, np.uint8))


def test_images_of_another_rank_are_refused():
    network = Network(fcn_32s, 5, **THIN)
    with pytest.raises(ValueError, match=r"must be \[batch, height, width, 3\]"):
        network(np.zeros((64, 64, 3), np.uint8))


def test_unknown_compute_dtype_lists_the_choices():
    with pytest.raises(ValueError, match="unknown compute_dtype 'float16'; choose from"):
        Network(fcn_32s, 5, compute_dtype="float16", **THIN)


def test_gradients_reach_every_variable():
    network = Network(fcn_8s, 5, **THIN)
    images = random_images(1, 64, 64)

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(images, is_training=True) ** 2)
        return tape.gradient(loss, list(network.trainable_variables))

    assert len(network.trainable_variables) == 36
    assert all(gradient is not None for gradient in gradients())


def test_network_exports_as_a_saved_model(tmp_path):
    network = Network(fcn_32s, 5, **THIN)
    images = tf.constant(random_images(1, 64, 96), tf.float32)
    module = tf.Module()
    module.network = network
    module.serve = tf.function(
        lambda batch: network(batch), input_signature=[tf.TensorSpec([None, None, None, 3])]
    )
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(loaded.serve(images), network(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", [{"width_multiplier": 0}, {"fc_channels": -1}])
def test_a_network_has_channels(options):
    with pytest.raises(ValueError, match=r"channels must be above 0, got "):
        Network(fcn_32s, 3, **options)
