"""ONNX models of any size and batch, run by ONNX Runtime."""

from __future__ import annotations

import json
import sys

import pytest
from thin_networks import SIZES, assert_predicts_like, random_images, thin_network

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.export import export_checked, export_onnx, float32_network
from tf_image_segmentation.models import fcn_16s


def server(path):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda images: session.run(["labels", "probabilities"], {"images": images})


def test_one_file_takes_any_size_and_batch_and_has_metadata(bfloat16_network, metadata, tmp_path):
    pytest.importorskip("tf2onnx")
    onnx = pytest.importorskip("onnx")
    export_onnx(bfloat16_network, tmp_path / "model.onnx", metadata)
    outputs, twin = server(tmp_path / "model.onnx"), float32_network(bfloat16_network)
    for height, width in SIZES:
        assert_predicts_like(twin, outputs, random_images(height, width))
    assert_predicts_like(twin, outputs, random_images(50, 40, batch=2))
    model = onnx.load(str(tmp_path / "model.onnx"))
    assert {p.key: json.loads(p.value) for p in model.metadata_props} == metadata
    used = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= used
    shapes = {
        value.name: [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in [*model.graph.input, *model.graph.output]
    }
    sides = ["batch", "height", "width"]
    assert shapes == {"images": [*sides, 3], "labels": sides, "probabilities": [*sides, 4]}


def test_skips_fused_at_once_can_be_exported(tmp_path):
    pytest.importorskip("tf2onnx")
    network = thin_network(fcn_16s, skip_fusion="direct")
    export_onnx(network, tmp_path / "model.onnx")
    assert_predicts_like(network, server(tmp_path / "model.onnx"), random_images(64, 90))


def test_other_formats_may_follow(tmp_path):  # fault 80
    pytest.importorskip("tf2onnx")
    network = thin_network(fcn_16s, side=32)
    images = [*random_images(40, 50)]
    formats = ("onnx", "tflite", "saved_model")
    checks = export_checked(network, tmp_path / "exported", formats, images)
    assert [*checks] == ["network", *formats]


def test_without_tf2onnx_the_error_says_what_to_install(network, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(DataError, match=r"needs tf2onnx.*pip install"):
        export_checked(network, tmp_path / "out", ["saved_model", "onnx"])
    assert not (tmp_path / "out").exists()
