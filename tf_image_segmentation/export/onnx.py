"""ONNX, through tf2onnx: for ONNX Runtime and what else reads its format."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.export.checking import Prediction
from tf_image_segmentation.export.metadata import Metadata, describe_export
from tf_image_segmentation.export.serving import IMAGES, float32_network, serve
from tf_image_segmentation.models.network import Network

OPSET = 17  # since ONNX Runtime 1.12
_NEEDED = ("tf2onnx", "onnx", "onnxruntime")


def check_installed() -> None:
    """Raises a DataError unless what ONNX needs is installed."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise DataError(
            f"export to ONNX needs {', '.join(missing)}; run pip install -r requirements.txt or "
            "pip install 'tf_image_segmentation[onnx]', or leave the format out"
        )


def export_onnx(network: Network, path: str | Path, metadata: Metadata | None = None) -> None:
    """Writes a network as an ONNX model, which computes in float32.

    Inputs and outputs are those of `serve`. The fields of the metadata are in the model's
    ``metadata_props``, each as JSON.

    Args:
        network: the network, with its weights restored; of one that computes in bfloat16, the
            weights are taken and computed with in float32.
        path: file to write.
        metadata: see `describe_export`.

    Raises:
        DataError: tf2onnx, onnx or onnxruntime is not installed, or the network has more than 256
            classes.
    """
    path = Path(path)
    check_installed()
    import onnx

    metadata = metadata or describe_export(network)
    model = _convert(float32_network(network))
    onnx.helper.set_model_props(model, {name: json.dumps(v) for name, v in metadata.items()})
    for value in [*model.graph.input, *model.graph.output]:
        sides = value.type.tensor_type.shape.dim
        for side, name in zip(sides, ("batch", "height", "width"), strict=False):
            side.dim_param = name
    onnx.save(model, str(path))


def _convert(network: Network) -> Any:
    """Returns the ONNX model of a network.

    tf2onnx keeps some twenty copies of the weights that it meets, 20 GB for a VGG-16 of full width.
    It gets a function that takes them as arguments, and they are filled in afterwards.
    """
    import tf2onnx

    weights = {
        f"weights_{number}": variable
        for number, variable in enumerate(network.variables_by_name.values())
    }

    def serve_with(images: tf.Tensor, *values: tf.Tensor) -> dict[str, tf.Tensor]:
        stand_in = copy.copy(network)
        # Past TensorFlow's tracking of attributes, which the copy shares with the network.
        named = dict(zip(network.variables_by_name, values, strict=True))
        stand_in.__dict__["variables_by_name"] = named
        return serve(stand_in, images)

    signature = [IMAGES, *(tf.TensorSpec(v.shape, v.dtype, name) for name, v in weights.items())]
    function = tf.function(serve_with, input_signature=signature, autograph=False)
    model, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET)
    _fill_in(model.graph, {name: variable.numpy() for name, variable in weights.items()})
    return model


def _fill_in(graph: Any, weights: dict[str, np.ndarray]) -> None:
    """Turns inputs of an ONNX graph into constants, laid out as the operations want them."""
    from onnx import numpy_helper

    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in list(graph.node):
        if node.op_type not in ("Transpose", "Reshape") or node.input[0] not in weights:
            continue
        value = weights[node.input[0]]
        if node.op_type == "Transpose":
            value = value.transpose(node.attribute[0].ints)
        else:
            value = value.reshape(numpy_helper.to_array(constants[node.input[1]]))
        weights[node.output[0]] = value
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(value), name)
        for name, value in weights.items()
    )
    for value in [value for value in graph.input if value.name in weights]:
        graph.input.remove(value)
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


def load_onnx(path: str | Path) -> Prediction:
    """Returns the prediction of an ONNX model for one image, computed by ONNX Runtime."""
    path = Path(path)
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def predict(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        feeds = {"images": image[np.newaxis]}
        labels, probabilities = session.run(["labels", "probabilities"], feeds)
        return labels[0], probabilities[0]

    return predict
