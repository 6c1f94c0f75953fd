"""A thin variant of every built-in model, for tests: name -> (function, size, options)."""

from __future__ import annotations

from tf_image_segmentation.models import MODELS

_THIN_FCN = {"width_multiplier": 0.05, "fc6_kernel": 3, "dropout_keep_prob": 1.0}
_THIN_RESNET = {"width_multiplier": 0.125, "units": [1, 2, 2, 1], "freeze_batch_norm": False}
THIN = {
    "fcn_32s": _THIN_FCN,
    "fcn_16s": _THIN_FCN,
    "fcn_8s": _THIN_FCN,
    "mobilenet_v2_fcn_16s": {"depth_multiplier": 0.1},
    "resnet_v1_50_16s": _THIN_RESNET,
    "resnet_v1_50_8s": _THIN_RESNET,
    "resnet_v1_101_16s": _THIN_RESNET,
    "resnet_v1_101_8s": _THIN_RESNET,
    "unet_vgg_16": {"width_multiplier": 0.0625},
}


def case(name: str) -> tuple:
    """The function, an image size that it takes, and thin options."""
    spec = MODELS[name]
    return spec.function, (2 * spec.size_divisor, 3 * spec.size_divisor), THIN[name]


# What has batch normalization; ResNet-101 differs from 50 in the units, which are thin here.
CASES = {name: case(name) for name in ("mobilenet_v2_fcn_16s", "resnet_v1_50_8s", "unet_vgg_16")}
