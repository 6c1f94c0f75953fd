"""SavedModel: for TensorFlow, TensorFlow Serving and what reads its format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_image_segmentation.export.checking import Prediction
from tf_image_segmentation.export.metadata import Metadata, describe_export
from tf_image_segmentation.export.serving import serving_function
from tf_image_segmentation.models.network import Network

# What lies in this folder is kept with a SavedModel and not loaded by servers.
EXTRA_FOLDER = "assets.extra"


def export_saved_model(
    network: Network, path: str | Path, metadata: Metadata | None = None
) -> None:
    """Writes a network as a SavedModel; it computes in the type that the network computes in.

    Signature ``serving_default`` is `serve`. Signature ``metadata`` has no arguments and
    gives ``json``, a string, and where they are known ``class_names``, string [num_classes], and
    ``palette``, int32 [num_classes, 3]. The same JSON is in ``assets.extra/metadata.json``.

    Args:
        network: the network, with its weights restored.
        path: folder to make.
        metadata: see `describe_export`.

    Raises:
        DataError: the network has more than 256 classes.
    """
    path = Path(path)
    metadata = metadata or describe_export(network)
    module = tf.Module()
    module.weights = network.variables_by_name
    module.serve = serving_function(network)
    module.metadata = _metadata_function(metadata)
    signatures = {"serving_default": module.serve, "metadata": module.metadata}
    tf.saved_model.save(module, str(path), signatures=signatures)
    extra = Path(path) / EXTRA_FOLDER
    extra.mkdir()
    (extra / "metadata.json").write_text(json.dumps(metadata, indent=2) + "\n")


def _metadata_function(metadata: Metadata) -> tf.types.experimental.PolymorphicFunction:
    def describe() -> dict[str, tf.Tensor]:
        found = {"json": tf.constant(json.dumps(metadata))}
        if metadata["class_names"]:
            found["class_names"] = tf.constant(metadata["class_names"])
        if metadata["palette"]:
            found["palette"] = tf.constant(metadata["palette"], tf.int32)
        return found

    return tf.function(describe, input_signature=[], autograph=False)


def load_saved_model(path: str | Path) -> Prediction:
    """Returns the prediction of a SavedModel for one image."""
    path = Path(path)
    serve = tf.saved_model.load(str(path)).signatures["serving_default"]

    def predict(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = serve(images=tf.constant(image[np.newaxis]))
        return outputs["labels"].numpy()[0], outputs["probabilities"].numpy()[0]

    return predict
