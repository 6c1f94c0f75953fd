"""The decision threshold: what it decides, and that it travels with the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim
from thin_networks import random_images, thin_network

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.predict import predict_labels, predict_probabilities
from tf_image_segmentation.models import Network
from tf_image_segmentation.models.description import Description
from tf_image_segmentation.models.threshold import (
    Threshold,
    labels_of_logits,
    labels_of_probabilities,
)
from tf_image_segmentation.structs import parse_json
from tf_image_segmentation.zoo.packing import pack

LOGITS = np.random.default_rng(0).normal(0, 2, (5, 7, 2)).astype(np.float32)


def softmax(logits):
    exponentials = np.exp(logits.astype(np.float64))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("probability", [0.1, 0.5, 0.83])
def test_a_pixel_is_of_the_class_from_the_threshold_on(label, probability):
    likely = softmax(LOGITS)[..., label]
    expected = np.where(likely >= probability, label, 1 - label)
    threshold = Threshold(label, probability)
    for found in (
        labels_of_logits(LOGITS, threshold),
        labels_of_probabilities(softmax(LOGITS).astype(np.float32), threshold),
    ):
        assert found.dtype == tf.uint8
        np.testing.assert_array_equal(found, expected)
    if probability == 0.5:
        np.testing.assert_array_equal(found, LOGITS.argmax(axis=-1))


def test_the_threshold_itself_is_reached():
    probabilities = np.array([[0.75, 0.25]], np.float32)
    assert labels_of_probabilities(probabilities, Threshold(1, 0.25)).numpy() == [1]
    assert labels_of_probabilities(probabilities, Threshold(0, 0.75)).numpy() == [0]


def test_without_a_threshold_the_highest_score_wins():
    scores = np.random.default_rng(1).random((4, 4, 5), np.float32)
    for function in (labels_of_logits, labels_of_probabilities):
        np.testing.assert_array_equal(function(scores, None), scores.argmax(axis=-1))


@pytest.mark.parametrize(
    ("num_classes", "threshold", "message"),
    [
        (4, {"label": 1, "probability": 0.5}, "threshold needs num_classes 2, got 4"),
        (2, {"label": 2, "probability": 0.5}, "threshold.label: expected int <= 1"),
        (2, {"label": 1, "probability": 1.0}, "threshold.probability: expected float < 1"),
        (2, {"label": 1}, "threshold: object missing required field probability"),
    ],
)
def test_other_thresholds_are_refused(num_classes, threshold, message):
    fields = {"model": "fcn_8s", "num_classes": num_classes, "threshold": threshold}
    with pytest.raises(DataError, match=message):
        parse_json(json.dumps(fields).encode(), Description, Path("model.json"))


def test_it_comes_with_a_checkpoint_and_stays_when_packed(tmp_path):
    network, path = thin_network(num_classes=2), tmp_path / "model"
    fields = {"label": 1, "probability": 0.25, "chosen_on": "val"}
    network.save(path, {"threshold": fields})
    packed = pack(path, "vessels", tmp_path / "zoo", [random_images(32, 32)[0]], min_equal=0)
    assert Network.from_checkpoint(packed.path).threshold == Threshold(1, 0.25, "val")
    assert json.loads((tmp_path / "zoo" / "vessels.npz.json").read_text())["threshold"] == fields
    network.restore(path)  # to be trained further: another model, another threshold
    assert network.threshold is None


@pytest.fixture(scope="module")
def network():
    """A network of one convolution, of which both classes are predicted."""

    def pixelwise(images, num_classes, is_training):
        with tf.compat.v1.variable_scope("pixelwise"):
            net = tf.cast(images, tf.float32) / 127.5 - 1.0
            return slim.conv2d(net, num_classes, 3, activation_fn=None, scope="logits"), {}

    tf.random.set_seed(2)
    return Network(pixelwise, num_classes=2)


@pytest.mark.parametrize("options", [{}, {"flip": True}, {"window": 32, "overlap": 8}])
def test_predictions_follow_it_in_each_way(network, options):
    image = random_images(96, 64)[0]
    likely = predict_probabilities(network, image, **options)[..., 1]
    probability = float(np.quantile(likely, 0.8))
    network.threshold = None
    expected = predict_labels(network, image, **options)
    network.threshold = Threshold(1, probability)
    found = predict_labels(network, image, **options)
    clear = np.abs(likely - probability) > 1e-5
    np.testing.assert_array_equal(found[clear], (likely >= probability)[clear])
    assert 0.15 < found.mean() < 0.25 < expected.mean()


def test_resized_predictions_follow_it_too(network):
    image = random_images(64, 96)[0]
    network.threshold = Threshold(0, 0.9)
    found = predict_labels(network, image, "resize")
    np.testing.assert_array_equal(found, predict_labels(network, image))
    network.threshold = None
    assert not np.array_equal(predict_labels(network, image), found)
