"""Thin networks, and what the package itself predicts with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_image_segmentation.inference.predict import predict_labels, predict_probabilities
from tf_image_segmentation.models import Network, fcn_8s

SIZES = [(45, 50), (64, 96), (1, 33), (100, 31)]


def thin_network(
    model: Any = fcn_8s,
    num_classes: int = 4,
    seed: int = 4,
    skips: float = 0.3,
    side: int = 96,
    **options: Any,
) -> Network:
    """A thin random network, its classes balanced so that several of them are predicted.

    Args:
        model: an FCN.
        num_classes: of the network.
        seed: of its weights.
        skips: deviation of the weights of its skip layers, which 0 leaves without effect.
        side: of the random image on which the classes have the same mean.
        options: those of `Network`.
    """
    tf.random.set_seed(seed)
    network = Network(model, num_classes=num_classes, width_multiplier=0.05, **options)
    for name in [name for name in network.variables_by_name if "_fc/weights" in name]:
        weights = network.variables_by_name[name]
        weights.assign(skips * tf.random.stateless_normal(weights.shape, [1, 2]))
    image = np.random.default_rng(0).integers(0, 256, (1, side, side, 3))
    bias = network.variables_by_name[f"{network.model_name}/vgg_16/fc8/biases"]
    bias.assign_sub(tf.reduce_mean(network(image.astype(np.float32)), axis=[0, 1, 2]))
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
