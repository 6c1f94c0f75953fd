"""A thin trained model, the images that it is packed with, and the folder of what was packed."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from small_records import INFO, example

from tf_image_segmentation.models import Network, deeplab_v3_mobilenet_v2
from tf_image_segmentation.zoo.packing import pack
from tf_image_segmentation.zoo.shipped import DEFAULT_MODEL, Facts

OPTIONS = {"depth_multiplier": 0.1, "divisible_by": 1, "head_channels": 8, "output_stride": 8}


@pytest.fixture(scope="session")
def images():
    return [example(40, 50 + number, seed=number)[0] for number in range(3)]


@pytest.fixture(scope="session")
def network(images):
    tf.random.set_seed(5)
    network = Network(deeplab_v3_mobilenet_v2, num_classes=3, **OPTIONS)
    bias = network.variables_by_name["deeplab_v3_mobilenet_v2/logits/semantic/biases"]
    logits = network(images[0][np.newaxis])
    bias.assign_sub(tf.reduce_mean(logits, axis=[0, 1, 2]))  # else one class is everywhere
    return network


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory, network):
    path = tmp_path_factory.mktemp("run") / "model" / "best" / "model-7"
    network.save(path, {"dataset": INFO.to_json(), "step": 7})
    return path


@pytest.fixture(scope="session")
def zoo(tmp_path_factory, checkpoint, images):
    """A folder with the model that predicts by default."""
    folder = tmp_path_factory.mktemp("zoo")
    facts = Facts(license="MIT", data="small records", accuracy={"val": 12.5})
    pack(checkpoint, DEFAULT_MODEL, folder, images, facts, command="pack", min_equal=95)
    return folder
