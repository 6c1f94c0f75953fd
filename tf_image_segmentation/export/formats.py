"""The formats that a network can be exported to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tf_image_segmentation.export import onnx
from tf_image_segmentation.export.checking import Prediction
from tf_image_segmentation.export.metadata import Metadata
from tf_image_segmentation.export.saved_model import export_saved_model, load_saved_model
from tf_image_segmentation.export.tflite import export_tflite, load_tflite
from tf_image_segmentation.models.network import Network


@dataclass(frozen=True)
class Format:
    """A format that a network can be exported to.

    Attributes:
        file_name: name of its file or folder.
        export: writes it.
        load: reads it, with what runs it elsewhere, too.
        float32: whether it computes in float32 whatever the network computes in.
        quantized: whether weights are stored in 8 bits.
        check_installed: raises a DataError unless what it needs is installed.
    """

    file_name: str
    export: Callable[[Network, Path, Metadata | None], None]
    load: Callable[[Path], Prediction]
    float32: bool = True
    quantized: bool = False
    check_installed: Callable[[], None] = lambda: None


FORMATS = {
    "saved_model": Format("saved_model", export_saved_model, load_saved_model, float32=False),
    "tflite": Format("model.tflite", export_tflite, load_tflite),
    "tflite_int8": Format(
        "model_int8.tflite", partial(export_tflite, quantize=True), load_tflite, quantized=True
    ),
    "onnx": Format(
        "model.onnx", onnx.export_onnx, onnx.load_onnx, check_installed=onnx.check_installed
    ),
}
"""All export formats by name."""
