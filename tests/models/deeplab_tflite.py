"""Google's DeepLabv3 on MobileNetV2 as a TFLite file: its weights, and what it computes.

The file holds float weights with batch normalization folded in, so that in a `Network` it becomes
the identity with the bias as beta.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_image_segmentation.models import Network

FILE = "deeplab/deeplabv3_257_mv_gpu.tflite"
# Of the fused batch normalization: slim's in the backbone, DeepLab's in the head.
_EPSILONS = {"MobilenetV2": 0.001}
_HEAD_EPSILON = 1e-5


def _interpreter(folder: Path) -> tf.lite.Interpreter:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"(?s).*tf\.lite\.Interpreter is deprecated")
        interpreter = tf.lite.Interpreter(str(folder / FILE), num_threads=2)
    interpreter.allocate_tensors()
    return interpreter


def interpreter_logits(image: np.ndarray, folder: Path) -> np.ndarray:
    """Returns the logits [257, 257, 21] of an image, uint8 [257, 257, 3]."""
    interpreter = _interpreter(folder)
    values = np.float32(image)[np.newaxis] / np.float32(127.5) - 1
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]


def load_into(network: Network, folder: Path) -> None:
    """Fills a `deeplab_v3_mobilenet_v2` of half width from the file."""
    interpreter = _interpreter(folder)
    tensors = {}
    for details in interpreter.get_tensor_details():
        name = details["name"]
        if name.endswith(("weights", "_bias")) and name not in tensors:
            tensors[name] = interpreter.get_tensor(details["index"])
    for name, variable in network.variables_by_name.items():
        variable.assign(_value(name.removeprefix(f"{network.model_name}/"), tensors))


def _value(name: str, tensors: dict[str, np.ndarray]) -> np.ndarray:
    layer, _, kind = name.rpartition("/")
    if kind == "weights":
        return tensors[name].transpose(1, 2, 3, 0)  # output, height, width, input
    if kind == "depthwise_weights":
        return tensors[name].transpose(1, 2, 3, 0)  # 1, height, width, channel
    layer = layer.removesuffix("/BatchNorm")
    bias = tensors[f"{layer}/{'depthwise' if layer.endswith('/depthwise') else 'Conv2D'}_bias"]
    epsilon = _EPSILONS.get(layer.split("/")[0], _HEAD_EPSILON)
    values = {
        "biases": bias,
        "beta": bias,
        "gamma": np.full_like(bias, np.sqrt(1 + epsilon)),
        "moving_mean": np.zeros_like(bias),
        "moving_variance": np.ones_like(bias),
    }
    return values[kind]
