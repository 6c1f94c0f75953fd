"""A thin variant of every built-in model, for tests: name -> (function, size, options)."""

from __future__ import annotations

from tf_image_segmentation.models import MODELS

_THIN_FCN = {"width_multiplier": 0.05, "fc6_kernel": 3, "dropout_keep_prob": 1.0}
_THIN_RESNET = {"width_multiplier": 0.125, "units": [1, 2, 2, 1], "freeze_batch_norm": False}
_THIN_DEEPLAB = {"depth_multiplier": 0.1, "head_channels": 16, "dropout_keep_prob": 1.0}
_THIN_DEEPLAB_RESNET = {
    **_THIN_RESNET,
    "units": [3, 1, 2, 1],  # the decoder takes the second unit, and the last one has stride 2
    "head_channels": 16,
    "dropout_keep_prob": 1.0,
}
THIN = {
    "deeplab_v3_mobilenet_v2": _THIN_DEEPLAB,
    "deeplab_v3_plus_mobilenet_v2": _THIN_DEEPLAB,
    "deeplab_v3_plus_resnet_v1_50": _THIN_DEEPLAB_RESNET,
    "deeplab_v3_plus_resnet_v1_101": _THIN_DEEPLAB_RESNET,
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
    size = (32, 48) if spec.size_divisor == 1 else (2 * spec.size_divisor, 3 * spec.size_divisor)
    return spec.function, size, THIN[name]


# What has batch normalization; ResNet-101 differs from 50 in the units, which are thin here.
_NORMALIZED = (
    "deeplab_v3_plus_mobilenet_v2",
    "mobilenet_v2_fcn_16s",
    "resnet_v1_50_8s",
    "unet_vgg_16",
)
CASES = {name: case(name) for name in _NORMALIZED}
