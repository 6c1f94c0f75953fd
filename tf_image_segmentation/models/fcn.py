"""FCN-32s, FCN-16s and FCN-8s on VGG-16: one definition, three strides.

Source: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation",
CVPR 2015. Each function is an ordinary slim function: call it in a ``tf.Graph``, or let
`Network` host it under TensorFlow 2.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_image_segmentation.models.layers import product_conv2d, upsample_bilinear
from tf_image_segmentation.models.registry import register_model
from tf_image_segmentation.models.vgg import RGB_MEAN, options_from_shapes, subtract_mean, vgg_16

STRIDE_OF_FC8 = 32
SKIP_FUSIONS = ("staged", "direct")
# (layer, stride) of the features whose scores are added, from the coarsest on.
_SKIPS: dict[str, tuple[tuple[str, int], ...]] = {
    "fcn_32s": (),
    "fcn_16s": (("pool4", 16),),
    "fcn_8s": (("pool4", 16), ("pool3", 8)),
}
_FIELDS: dict[str, Any] = {
    "size_divisor": STRIDE_OF_FC8,
    "pad_value": RGB_MEAN,
    "options_from_shapes": options_from_shapes,
}


def _skip_scores(features: tf.Tensor, num_classes: int, scope: str) -> tf.Tensor:
    # Zero at first: the network starts out with what the coarser one has learned.
    scores = product_conv2d(
        features,
        num_classes,
        1,
        scope,
        activation_fn=None,
        weights_initializer=tf.compat.v1.zeros_initializer(),
    )
    return tf.cast(scores, tf.float32)


def _fuse_staged(scores: list[tf.Tensor], strides: list[int]) -> tf.Tensor:
    fused = scores[0]
    for previous, stride, finer in zip(strides, strides[1:], scores[1:], strict=False):
        fused = upsample_bilinear(fused, previous // stride) + finer
    return upsample_bilinear(fused, strides[-1])


def _fuse_direct(scores: list[tf.Tensor], strides: list[int]) -> tf.Tensor:
    full_size = [upsample_bilinear(s, stride) for s, stride in zip(scores, strides, strict=True)]
    return tf.add_n(full_size)


def _fcn(
    name: str,
    images: tf.Tensor,
    num_classes: int,
    is_training: bool,
    compute_dtype: str,
    dropout_seed: tf.Tensor | None,
    skip_fusion: str = "staged",
    **vgg_options: Any,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    if skip_fusion not in SKIP_FUSIONS:
        raise ValueError(f"unknown skip_fusion {skip_fusion!r}; choose from {SKIP_FUSIONS}")
    with tf.compat.v1.variable_scope(name):
        images = subtract_mean(images, STRIDE_OF_FC8, compute_dtype)
        net, layers = vgg_16(
            images, num_classes, is_training, dropout_seed=dropout_seed, **vgg_options
        )
        scores, strides = [tf.cast(net, tf.float32)], [STRIDE_OF_FC8]
        for pool, stride in _SKIPS[name]:
            scores.append(_skip_scores(layers[f"vgg_16/{pool}"], num_classes, f"{pool}_fc"))
            layers[f"{pool}_fc"] = scores[-1]
            strides.append(stride)
        fuse = _fuse_direct if skip_fusion == "direct" else _fuse_staged
        logits = layers["logits"] = fuse(scores, strides)
    return logits, {f"{name}/{layer}": output for layer, output in layers.items()}


@register_model(output_stride=32, starts_from={"vgg_16": ("fc8",)}, **_FIELDS)
def fcn_32s(
    images: tf.Tensor,
    num_classes: int,
    is_training: bool = False,
    compute_dtype: str = "float32",
    dropout_seed: tf.Tensor | None = None,
    **options: Any,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """FCN-32s: VGG-16's class scores at stride 32, upsampled by 32.

    Args:
        images: [batch, height, width, 3], RGB, 0..255, any numeric dtype, height and width
            multiples of 32. The RGB mean is subtracted inside.
        num_classes: number of classes, 21 for PASCAL VOC.
        is_training: whether dropout is active.
        compute_dtype: type that convolutions compute in, "float32" or "bfloat16".
        dropout_seed: of `vgg_16`.
        **options: ``width_multiplier``, ``fc_channels``, ``fc6_kernel``, ``dropout_keep_prob``,
            ``zero_scores`` of `vgg_16`; ``skip_fusion`` of `fcn_16s`.

    Returns:
        ``logits``, float32 [batch, height, width, num_classes], and ``end_points``, the outputs of
        all layers by scoped name (``"fcn_32s/vgg_16/pool4"``).

    Raises:
        ValueError: a side is known and not a multiple of 32.
    """
    return _fcn("fcn_32s", images, num_classes, is_training, compute_dtype, dropout_seed, **options)


@register_model(
    output_stride=16,
    starts_from={"vgg_16": ("fc8", "pool4_fc"), "fcn_32s": ("pool4_fc",)},
    **_FIELDS,
)
def fcn_16s(
    images: tf.Tensor,
    num_classes: int,
    is_training: bool = False,
    compute_dtype: str = "float32",
    dropout_seed: tf.Tensor | None = None,
    **options: Any,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """FCN-16s: `fcn_32s` with the scores of pool4 added (layer ``pool4_fc``).

    ``skip_fusion="staged"``, the published form, upsamples by 2, adds, and upsamples the sum by 16.
    Upsampling by 2 and then by 16 cuts the corners of upsampling by 32 at once, so with the
    skip layer still zero it is close to FCN-32s but not equal. ``skip_fusion="direct"`` upsamples
    each score map to full size and adds there: with the skip layer zero, it is FCN-32s exactly.

    Arguments, results and errors otherwise as for `fcn_32s`.
    """
    return _fcn("fcn_16s", images, num_classes, is_training, compute_dtype, dropout_seed, **options)


@register_model(
    output_stride=8,
    starts_from={
        "vgg_16": ("fc8", "pool4_fc", "pool3_fc"),
        "fcn_32s": ("pool4_fc", "pool3_fc"),
        "fcn_16s": ("pool3_fc",),
    },
    **_FIELDS,
)
def fcn_8s(
    images: tf.Tensor,
    num_classes: int,
    is_training: bool = False,
    compute_dtype: str = "float32",
    dropout_seed: tf.Tensor | None = None,
    **options: Any,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """FCN-8s: `fcn_16s` with the scores of pool3 added too (layer ``pool3_fc``).

    Arguments, results and errors as for `fcn_16s`.
    """
    return _fcn("fcn_8s", images, num_classes, is_training, compute_dtype, dropout_seed, **options)
