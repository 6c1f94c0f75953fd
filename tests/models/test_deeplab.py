"""DeepLab against Google's own weights, as TensorFlow Lite computes them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from deeplab_tflite import interpreter_logits, load_into
from PIL import Image

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import (
    Network,
    deeplab_v3_mobilenet_v2,
    deeplab_v3_plus_mobilenet_v2,
)
from tf_image_segmentation.models.layers import upsample_aligned


@pytest.mark.parametrize(("height", "width", "factor"), [(1, 4, 4), (5, 3, 1), (7, 2, 16)])
def test_aligned_upsampling_equals_tensorflow(height, width, factor):
    values = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype(np.float32)
    size = [(height - 1) * factor + 1, (width - 1) * factor + 1]
    expected = tf.compat.v1.image.resize_bilinear(values, size, align_corners=True)
    np.testing.assert_allclose(upsample_aligned(tf.constant(values), factor), expected, atol=1e-5)


def test_logits_equal_those_of_the_published_model(shared_data):
    options = {"depth_multiplier": 0.5, "divisible_by": 1, "output_stride": 8}
    network = Network(deeplab_v3_mobilenet_v2, 21, **options)
    load_into(network, shared_data)
    images = shared_data / "pascal_voc/VOCdevkit/VOC2012/JPEGImages"
    for name in ("2007_000129", "2011_000003", "2011_000006"):
        image = Image.open(images / f"{name}.jpg").resize((257, 257))
        expected = interpreter_logits(np.asarray(image), shared_data)
        found = network(np.asarray(image)[np.newaxis])[0].numpy()
        assert np.abs(found - expected).max() < 1e-4 * np.ptp(expected)
        np.testing.assert_array_equal(found.argmax(-1), expected.argmax(-1))


def test_a_published_checkpoint_is_opened_by_the_name_of_its_model(tmp_path):
    options = {"depth_multiplier": 0.1, "divisible_by": 1, "head_channels": 8}
    network = Network(deeplab_v3_mobilenet_v2, 3, **options)
    without_scope = {
        name.removeprefix("deeplab_v3_mobilenet_v2/"): tf.Variable(variable)
        for name, variable in network.variables_by_name.items()
    }
    without_scope["global_step"] = tf.Variable(7)
    saver = tf.compat.v1.train.Saver(without_scope)
    prefix = saver.save(None, str(tmp_path / "model.ckpt-7"), write_meta_graph=False)
    opened = Network.from_checkpoint(prefix, "deeplab_v3_mobilenet_v2")
    image = np.random.default_rng(0).integers(0, 256, (1, 20, 30, 3), np.uint8)
    np.testing.assert_array_equal(opened(image), network(image))
    with pytest.raises(DataError, match="name the one that it holds with --model"):
        Network.from_checkpoint(prefix)


def test_the_decoder_starts_from_the_model_without_one(tmp_path):
    options = {"depth_multiplier": 0.1, "head_channels": 8}
    Network(deeplab_v3_mobilenet_v2, 3, **options).save(tmp_path / "model")
    report = Network(deeplab_v3_plus_mobilenet_v2, 3, **options).restore(tmp_path / "model")
    new = {name.split("/")[1].split("_")[0] for name in report.initialized}
    assert new == {"aspp1", "aspp2", "aspp3", "concat", "decoder"}
