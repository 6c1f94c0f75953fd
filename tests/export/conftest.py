"""Networks to export, and metadata."""

from __future__ import annotations

import pytest
from thin_networks import thin_network

from tf_image_segmentation.models import Network


@pytest.fixture(scope="session")
def network() -> Network:
    return thin_network()


@pytest.fixture(scope="session")
def bfloat16_network() -> Network:
    return thin_network(compute_dtype="bfloat16")


@pytest.fixture(scope="session")
def metadata() -> dict:
    return {
        "model": "fcn_8s",
        "num_classes": 4,
        "class_names": ["sky", "Straße", "cat", "dog"],
        "palette": [[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]],
        "ignore_label": 255,
        "checkpoint": "runs/fcn_8s/model/best",
    }
