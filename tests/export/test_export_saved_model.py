"""A SavedModel serves where this package is not, and predicts what it predicts."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from thin_networks import assert_predicts_like, random_images

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.export import describe_export, export_saved_model
from tf_image_segmentation.models import Network, fcn_32s

# A server: TensorFlow, and neither this package nor tf-slim.
SERVER = """
import sys
sys.modules["tf_image_segmentation"] = sys.modules["tf_slim"] = None
import numpy as np
import tensorflow as tf

folder, *models = sys.argv[1:]
images = np.load(f"{folder}/images.npz")
for model in models:
    loaded = tf.saved_model.load(f"{folder}/{model}")
    outputs = {}
    for name in images.files:
        found = loaded.signatures["serving_default"](images=tf.constant(images[name]))
        outputs |= {f"{name}-{key}": value.numpy() for key, value in found.items()}
    np.savez(f"{folder}/{model}.npz", **outputs)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, network, bfloat16_network, metadata):
    """Two exports: "plain" with metadata, "bfloat16" without."""
    path = tmp_path_factory.mktemp("exports")
    export_saved_model(network, path / "plain", metadata)
    export_saved_model(bfloat16_network, path / "bfloat16")
    return path


def test_it_serves_in_a_process_without_this_package(folder, network, bfloat16_network):
    networks = {"plain": network, "bfloat16": bfloat16_network}
    images = {
        "first": random_images(45, 50),
        "second": random_images(64, 96),
        "two": random_images(70, 33, batch=2),
    }
    np.savez(folder / "images.npz", **images)
    command = [sys.executable, "-I", "-c", SERVER, str(folder), *networks]
    subprocess.run(command, cwd="/", check=True, capture_output=True)
    for name, exported in networks.items():
        with np.load(folder / f"{name}.npz") as found:
            for size, batch in images.items():
                outputs = found[f"{size}-labels"], found[f"{size}-probabilities"]
                assert_predicts_like(exported, lambda _, outputs=outputs: outputs, batch)


def test_metadata_comes_with_it(folder, metadata):
    found = tf.saved_model.load(str(folder / "plain")).signatures["metadata"]()
    assert [name.decode() for name in found["class_names"].numpy()] == metadata["class_names"]
    assert found["palette"].numpy().tolist() == metadata["palette"]
    assert json.loads(found["json"].numpy()) == metadata
    beside = folder / "plain" / "assets.extra" / "metadata.json"
    assert json.loads(beside.read_text()) == metadata


def test_unknown_classes_are_left_out(folder, bfloat16_network):
    found = tf.saved_model.load(str(folder / "bfloat16")).signatures["metadata"]()
    assert set(found) == {"json"}
    described = json.loads(found["json"].numpy())
    assert described == describe_export(bfloat16_network)
    assert described["class_names"] is None


def test_labels_are_8_bit(tmp_path):
    wide = Network(fcn_32s, num_classes=257, width_multiplier=0.02)
    with pytest.raises(DataError, match="257 classes; export one of at most 256"):
        export_saved_model(wide, tmp_path / "model")
