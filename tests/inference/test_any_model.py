"""Models with other sides and another padding than the FCNs are predicted with in the same ways."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference import predict_labels, predict_probabilities
from tf_image_segmentation.inference.options import WINDOW, PredictionOptions
from tf_image_segmentation.models import Network
from tf_image_segmentation.models.registry import MODELS, register_model

GRAY = (127.5, 60.0, 3.0)


@pytest.fixture(scope="module", autouse=True)
def models():
    """Registers two models as a plugin file would."""

    @register_model(pad_value=GRAY)
    def pixelwise(images, num_classes, is_training):
        with tf.compat.v1.variable_scope("pixelwise"):
            net = (tf.cast(images, tf.float32) - GRAY) / 127.5
            return slim.conv2d(net, num_classes, 3, activation_fn=None, scope="logits"), {}

    @register_model(size_divisor=4, pad_value=GRAY)
    def quarter(images, num_classes, is_training):
        with tf.compat.v1.variable_scope("quarter"):
            net = (tf.cast(images, tf.float32) - GRAY) / 127.5
            net = slim.conv2d(net, num_classes, 5, stride=4, activation_fn=None, scope="logits")
            return tf.repeat(tf.repeat(net, 4, axis=1), 4, axis=2), {}

    yield
    MODELS.remove_from(__name__)


@pytest.fixture(params=["pixelwise", "quarter"])
def network(request):
    tf.random.set_seed(2)
    return Network(MODELS[request.param].function, num_classes=3)


def random_image(height, width):
    return np.random.default_rng(height + width).integers(0, 256, (height, width, 3), np.uint8)


def padded_by_hand(image, divisor):
    rows, columns = -image.shape[0] % divisor, -image.shape[1] % divisor
    channels = [
        np.pad(image[..., c].astype(np.float32), ((0, rows), (0, columns)), constant_values=GRAY[c])
        for c in range(3)
    ]
    return np.stack(channels, axis=-1)


@pytest.mark.parametrize("size", [(1, 1), (7, 10), (8, 12), (33, 30)])
def test_padding_goes_to_the_next_size_that_the_model_takes(network, size):
    image = random_image(*size)
    padded = padded_by_hand(image, network.spec.size_divisor)
    logits = network(padded[np.newaxis]).numpy()[0, : size[0], : size[1]]
    np.testing.assert_array_equal(predict_labels(network, image), logits.argmax(axis=-1))
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    expected = exponentials / exponentials.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(predict_probabilities(network, image), expected, atol=1e-5)


@pytest.mark.parametrize(("model", "sides"), [("pixelwise", (1, 7, 30)), ("quarter", (4, 8, 32))])
def test_resizing_goes_to_the_nearest_size_that_the_model_takes(model, sides, monkeypatch):
    network, seen = Network(MODELS[model].function, num_classes=3), []
    call = Network.__call__
    monkeypatch.setattr(
        Network, "__call__", lambda self, images: seen.append(images.shape[1]) or call(self, images)
    )
    for side in (1, 7, 30):  # halfway goes up
        assert predict_labels(network, random_image(side, 8), "resize").shape == (side, 8)
    assert tuple(seen) == sides


@pytest.mark.parametrize("options", [{}, {"flip": True, "scales": (0.5, 1.3)}])
def test_a_large_image_is_predicted_in_windows_of_a_fitting_side(network, options):
    image = random_image(32, 60)
    labels = predict_labels(network, image, window=20, overlap=8, **options)
    assert labels.shape == (32, 60)
    if not options:
        # The models see few pixels around one, so that windows matter near their borders only.
        assert np.mean(labels != predict_labels(network, image)) < 0.2


def test_the_side_of_a_window_fits_the_model():
    assert PredictionOptions().for_model(24).window == 1032
    assert PredictionOptions().for_model(1).window == PredictionOptions().for_model(32).window
    assert PredictionOptions(window=21, overlap=0).for_model(1).window == 21
    with pytest.raises(DataError, match="window must be a multiple of 4 for this model, got 21"):
        PredictionOptions(window=21, overlap=0).for_model(4)
    assert WINDOW % 32 == 0
