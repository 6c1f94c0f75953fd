"""Thin networks to export, and what the package itself predicts with them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_image_segmentation.inference.predict import predict_labels, predict_probabilities
from tf_image_segmentation.models import Network, fcn_8s

SIZES = [(45, 50), (64, 96), (1, 33), (100, 31)]


def thin_network(model=fcn_8s, **options) -> Network:
    """A thin random network, its classes balanced so that several of them are predicted."""
    tf.random.set_seed(4)
    network = Network(model, num_classes=4, width_multiplier=0.05, **options)
    skips = [name for name in network.variables_by_name if "_fc/weights" in name]
    for name in skips:
        weights = network.variables_by_name[name]
        weights.assign(0.3 * tf.random.stateless_normal(weights.shape, [1, 2]))
    logits = network(np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3)).astype(np.float32))
    bias = network.variables_by_name[f"{network.model_name}/vgg_16/fc8/biases"]
    bias.assign_sub(tf.reduce_mean(logits, axis=[0, 1, 2]))
    return network


def random_images(height: int, width: int, batch: int = 1) -> np.ndarray:
    rng = np.random.default_rng(1000 * height + width)
    return rng.integers(0, 256, (batch, height, width, 3), np.uint8)


def assert_predicts_like(network: Network, serve: Callable, images: np.ndarray) -> None:
    """``serve(images)`` gives labels and probabilities; the network looks at each image alone."""
    labels, probabilities = serve(images)
    assert labels.dtype == np.uint8
    assert probabilities.dtype == np.float32
    assert labels.shape == images.shape[:3]
    for image, found, likely in zip(images, labels, probabilities, strict=True):
        np.testing.assert_allclose(likely, predict_probabilities(network, image), atol=2e-3)
        expected = predict_labels(network, image)
        assert np.mean(found == expected) >= 0.998
        if image.size > 10000:
            assert len(np.unique(expected)) > 1  # else any two predictions would be equal
