"""DeepLab against Google's own weights, as TensorFlow Lite computes them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from deeplab_tflite import interpreter_logits, load_into
from PIL import Image

from tf_image_segmentation.models import Network, deeplab_v3_mobilenet_v2
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
