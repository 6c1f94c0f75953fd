"""TFLite models of any size and batch, and what is in the archive behind them."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from thin_networks import SIZES, assert_predicts_like, random_images, thin_network

from tf_image_segmentation.export import export_tflite, float32_network
from tf_image_segmentation.inference.predict import predict_labels
from tf_image_segmentation.models import fcn_16s, fcn_32s

pytestmark = pytest.mark.filterwarnings("ignore:(?s).*tf.lite.Interpreter is deprecated")


def server(path):
    serve = tf.lite.Interpreter(str(path)).get_signature_runner("serving_default")

    def outputs(images):
        found = serve(images=images)
        return found["labels"], found["probabilities"]

    return outputs


@pytest.fixture(scope="module")
def model(tmp_path_factory, network, metadata):
    path = tmp_path_factory.mktemp("exports") / "model.tflite"
    export_tflite(network, path, metadata)
    return path


def test_one_file_takes_any_size_and_batch(network, model):
    outputs = server(model)
    for height, width in SIZES:
        assert_predicts_like(network, outputs, random_images(height, width))
    assert_predicts_like(network, outputs, random_images(50, 40, batch=2))


@pytest.mark.parametrize(
    ("model", "options"), [(fcn_16s, {"skip_fusion": "direct"}), (fcn_32s, {})]
)
def test_other_models_can_be_exported(model, options, tmp_path):
    network = thin_network(model, **options)
    export_tflite(network, tmp_path / "model.tflite")
    assert_predicts_like(network, server(tmp_path / "model.tflite"), random_images(64, 90, batch=2))


def test_bfloat16_weights_are_computed_with_in_float32(bfloat16_network, tmp_path):
    export_tflite(bfloat16_network, tmp_path / "model.tflite")
    outputs = server(tmp_path / "model.tflite")
    assert_predicts_like(float32_network(bfloat16_network), outputs, random_images(64, 64))
    with zipfile.ZipFile(tmp_path / "model.tflite") as archive:
        assert archive.namelist() == ["metadata.json"]  # its classes are not known


def test_8_bit_weights_take_a_third_and_predict_nearly_the_same(network, model, tmp_path):
    export_tflite(network, tmp_path / "int8.tflite", quantize=True)
    assert (tmp_path / "int8.tflite").stat().st_size < 0.34 * model.stat().st_size
    outputs = server(tmp_path / "int8.tflite")
    for height, width in SIZES[:2]:
        image = random_images(height, width)
        labels, probabilities = outputs(image)
        assert labels.shape == (1, height, width)
        assert probabilities.shape == (1, height, width, 4)
        # A random network has many pixels that are nearly undecided.
        assert np.mean(labels[0] == predict_labels(network, image[0])) > 0.9


def test_metadata_is_a_zip_archive_behind_the_model(model, metadata):
    with zipfile.ZipFile(model) as archive:
        assert archive.testzip() is None
        assert archive.read("labels.txt").decode() == "sky\nStraße\ncat\ndog\n"
        assert json.loads(archive.read("metadata.json")) == metadata
