"""Inference: prediction, test-time options, windows, files and the dense CRF.

The functions load TensorFlow on first use, so that options alone are quick to import.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    if name in ("predict_labels", "predict_probabilities", "predict_blocks"):
        from tf_image_segmentation.inference import predict

        return getattr(predict, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
