"""Labels of every format follow the threshold, and the metadata has it."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim
from thin_networks import random_images

from tf_image_segmentation.export import FORMATS, describe_export, export_checked
from tf_image_segmentation.models import Network
from tf_image_segmentation.models.threshold import Threshold

pytestmark = pytest.mark.filterwarnings("ignore:(?s).*tf.lite.Interpreter is deprecated")
IMAGE = random_images(37, 50)[0]


@pytest.fixture(scope="module")
def network():
    """A network of one convolution that decides at a threshold far from 0.5."""

    def pixelwise(images, num_classes, is_training, compute_dtype="float32"):
        with tf.compat.v1.variable_scope("pixelwise"):
            net = tf.cast(images, compute_dtype) / 127.5 - 1.0
            net = slim.conv2d(net, num_classes, 3, activation_fn=None, scope="logits")
            return tf.cast(net, tf.float32), {}

    tf.random.set_seed(2)
    network = Network(pixelwise, num_classes=2, compute_dtype="bfloat16")
    network.threshold = Threshold(1, 0.8, "val")
    return network


@pytest.mark.parametrize("name", FORMATS)
def test_labels_follow_it(network, name, tmp_path):
    if name == "onnx":
        pytest.importorskip("tf2onnx")
    checks = export_checked(network, tmp_path, [name], [IMAGE], describe_export(network))
    assert checks[name].equal_labels > 95
    labels, probabilities = FORMATS[name].load(tmp_path / FORMATS[name].file_name)(IMAGE)
    clear = np.abs(probabilities[..., 1] - 0.8) > 1e-4
    np.testing.assert_array_equal(labels[clear], (probabilities[..., 1] >= 0.8)[clear])
    assert 0 < labels.mean() < probabilities.argmax(axis=-1).mean() - 0.1
    if name == "tflite":
        with zipfile.ZipFile(tmp_path / "model.tflite") as archive:
            metadata = json.loads(archive.read("metadata.json"))
        assert metadata["threshold"] == {"label": 1, "probability": 0.8, "chosen_on": "val"}
