"""MobileNetV2 from PyTorch: its arrays by the names and in the layout of slim."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

FIRST = "features.0.0.weight"
"""An array that tells that a file holds PyTorch's MobileNetV2."""

_BATCH_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_PARTS = ("expand", "depthwise", "project")


def with_slim_names(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the arrays of a MobileNetV2 in PyTorch by slim's names, in slim's layout.

    torchvision nests the layers of a block once more than others do; both forms are taken, since
    only the order of the layers counts.

    Args:
        arrays: a state dictionary. What is no feature, such as the classifier, is left out.
    """
    layers: dict[int, list[str]] = {}  # by block, what comes before ".weight"
    for name in arrays:
        if place := re.fullmatch(r"(features\.(\d+)(?:\.conv)?\.[\d.]+)\.weight", name):
            layers.setdefault(int(place[2]), []).append(place[1])
    found = {}
    for block, names in layers.items():
        names.sort(key=lambda name: [int(number) for number in re.findall(r"\d+", name)])
        convolutions, norms = names[::2], names[1::2]
        parts = _PARTS[-len(convolutions) :] if 1 <= block <= 17 else ("",)
        for part, convolution, norm in zip(parts, convolutions, norms, strict=True):
            layer = f"{_scope(block)}/{part}".rstrip("/")
            weights = arrays[f"{convolution}.weight"]
            # From outputs (or channels), inputs (or 1), height, width.
            if part == "depthwise":
                found[f"{layer}/depthwise_weights"] = weights.transpose(2, 3, 0, 1)
            else:
                found[f"{layer}/weights"] = weights.transpose(2, 3, 1, 0)
            for of_torch, of_slim in _BATCH_NORM.items():
                found[f"{layer}/BatchNorm/{of_slim}"] = arrays[f"{norm}.{of_torch}"]
    return found


def _scope(block: int) -> str:
    if block == 0:
        return "MobilenetV2/Conv"
    if block > 17:
        return "MobilenetV2/Conv_1"
    return "MobilenetV2/expanded_conv" + (f"_{block - 1}" if block > 1 else "")
