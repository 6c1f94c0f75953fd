"""TensorFlow Lite (LiteRT): for phones and small machines."""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_image_segmentation.export.checking import Prediction
from tf_image_segmentation.export.metadata import Metadata, describe_export
from tf_image_segmentation.export.serving import float32_network, serving_function
from tf_image_segmentation.models.network import Network

# The converter's name for the one signature that it is given without names.
SIGNATURE = "serving_default"


def export_tflite(
    network: Network, path: str | Path, metadata: Metadata | None = None, quantize: bool = False
) -> None:
    """Writes a network as a TFLite model of built-in operations alone; it computes in float32.

    Its signature is `serve`. Behind the model, the file holds a zip archive, as TFLite
    metadata does: ``labels.txt`` with a class name a line, where they are known, and
    ``metadata.json``.

    Args:
        network: the network, with its weights restored; of one that computes in bfloat16, the
            weights are taken and computed with in float32.
        path: file to write.
        metadata: see `describe_export`.
        quantize: whether weights are stored in 8 bits, and large products computed in them
            (dynamic range quantization).

    Raises:
        DataError: the network has more than 256 classes.
    """
    path = Path(path)
    metadata = metadata or describe_export(network)
    network = float32_network(network)
    serve = serving_function(network).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve], network)
    if quantize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    Path(path).write_bytes(converter.convert())
    _append_metadata(path, metadata)


def _append_metadata(path: Path, metadata: Metadata) -> None:
    files = {"metadata.json": json.dumps(metadata, indent=2) + "\n"}
    if metadata["class_names"]:
        files["labels.txt"] = "".join(f"{name}\n" for name in metadata["class_names"])
    with zipfile.ZipFile(path, "a") as archive:
        for name, text in files.items():
            archive.writestr(
                zipfile.ZipInfo(name), text
            )  # without the time: same input, same bytes


def load_tflite(path: str | Path) -> Prediction:
    """Returns the prediction of a TFLite model for one image, computed on all cores."""
    path = Path(path)
    with warnings.catch_warnings():
        # It says that LiteRT's own package will replace this class, which runs the same files.
        warnings.filterwarnings("ignore", message=r"(?s).*tf\.lite\.Interpreter is deprecated")
        interpreter = tf.lite.Interpreter(str(path), num_threads=os.cpu_count())
    serve = interpreter.get_signature_runner(SIGNATURE)

    def predict(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = serve(images=image[np.newaxis])
        return outputs["labels"][0], outputs["probabilities"][0]

    return predict
