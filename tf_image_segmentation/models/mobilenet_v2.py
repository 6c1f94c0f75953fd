"""MobileNetV2, dilated, and a simple model on it.

Variable names are those of slim's ``mobilenet_v2``, whose published checkpoints this restores.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf
import tf_slim as slim

from tf_image_segmentation.models.layers import batch_norm, upsample_bilinear
from tf_image_segmentation.models.registry import Shapes, check_images, register_model
from tf_image_segmentation.registry import choose


class Variant(NamedTuple):
    """What differs between the published trainings of one network.

    Attributes:
        mean: RGB that is subtracted from images in 0..255.
        deviation: RGB that the difference is divided by.
        padding: "SAME", or "symmetric" for as many zeros before as after, also at stride 2.
        epsilon: added to the variances of batch normalization.
    """

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    padding: str
    epsilon: float


VARIANTS = {
    "slim": Variant((127.5, 127.5, 127.5), (127.5, 127.5, 127.5), "SAME", 1e-3),
    "torch": Variant((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), "symmetric", 1e-5),
}
"""Of slim's checkpoints, and of those in PyTorch's layout."""

_ROOT_CHANNELS = 32
# (expansion, channels, units, stride of the first unit) of the inverted residuals, table 2.
_BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def rounded(channels: float, divisor: int) -> int:
    """Rounds to a multiple of ``divisor``, at least one of it, and by no more than a tenth down."""
    result = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return result if result >= 0.9 * channels else result + divisor


def _padded(net: tf.Tensor, rate: int, padding: str) -> tuple[tf.Tensor, str]:
    """Returns what a convolution with a 3x3 kernel is given, and the padding that is left to it."""
    if padding == "SAME":
        return net, padding
    return tf.pad(net, [[0, 0], [rate, rate], [rate, rate], [0, 0]]), "VALID"


def _inverted_residual(
    net: tf.Tensor, expansion: int, channels: int, stride: int, rate: int, padding: str, scope: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the output and that of the depthwise convolution."""
    inputs = net
    with tf.compat.v1.variable_scope(scope):
        if expansion > 1:
            expanded = rounded(expansion * net.shape[-1], 8)
            net = slim.conv2d(net, expanded, 1, scope="expand")
        net, left = _padded(net, rate, padding)
        depthwise = slim.separable_conv2d(
            net, None, 3, 1, stride=stride, padding=left, rate=rate, scope="depthwise"
        )
        net = slim.conv2d(depthwise, channels, 1, activation_fn=None, scope="project")
        if stride == 1 and inputs.shape[-1] == channels:
            net = net + inputs
    return net, depthwise


def normalize(images: tf.Tensor, variant: str = "slim") -> tf.Tensor:
    """Returns float32 images as `mobilenet_v2` takes them.

    Args:
        images: [batch, height, width, 3], RGB, 0..255, any numeric dtype.
        variant: of `VARIANTS`.
    """
    mean, deviation, *_ = choose("variant", variant, VARIANTS)
    return (tf.cast(images, tf.float32) - tf.constant(mean)) / tf.constant(deviation)


def mobilenet_v2(
    images: tf.Tensor,
    is_training: bool,
    output_stride: int = 32,
    *,
    depth_multiplier: float = 1.0,
    divisible_by: int = 8,
    variant: str = "slim",
    freeze_batch_norm: bool = False,
    batch_norm_decay: float = 0.997,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Computes features, up to the last inverted residual.

    Args:
        images: floating point [batch, height, width, 3], see `normalize`; height and width
            multiples of ``output_stride``, or one more.
        is_training: whether batch normalization takes the moments of the batch, unless frozen.
        output_stride: input pixels per position of the features, 8, 16 or 32. Where it is reached,
            convolutions are dilated instead of strided.
        depth_multiplier: scales the channels.
        divisible_by: channels are rounded to multiples of this; 1 for DeepLab's thin checkpoints.
        variant: "slim" or "torch", of `VARIANTS`: where the checkpoint comes from.
        freeze_batch_norm: whether batch normalization uses its moving averages in training, too.
        batch_norm_decay: of the moving averages.

    Returns:
        Features [batch, height / output_stride, width / output_stride, channels], and the outputs
        of all layers by name: ``"MobilenetV2/Conv"``, ``"MobilenetV2/expanded_conv_16"`` and
        ``"MobilenetV2/expanded_conv_16/depthwise"``, ...

    Raises:
        ValueError: an option is none of its choices.
    """
    if not depth_multiplier > 0 or divisible_by < 1:
        raise ValueError(
            "depth_multiplier must be above 0 and divisible_by at least 1, got "
            f"{depth_multiplier} and {divisible_by}"
        )
    if output_stride not in (8, 16, 32):
        raise ValueError(f"output_stride must be 8, 16 or 32, got {output_stride}")
    *_, padding, epsilon = choose("variant", variant, VARIANTS)
    normalization = {
        "is_training": is_training and not freeze_batch_norm,
        "decay": batch_norm_decay,
        "epsilon": epsilon,
        "scale": True,
    }
    with (
        tf.compat.v1.variable_scope("MobilenetV2"),
        slim.arg_scope(
            [slim.conv2d, slim.separable_conv2d],
            activation_fn=tf.nn.relu6,
            normalizer_fn=batch_norm,
            normalizer_params=normalization,
            weights_initializer=slim.variance_scaling_initializer(),
        ),
    ):
        net, left = _padded(images, 1, padding)
        root = rounded(_ROOT_CHANNELS * depth_multiplier, divisible_by)
        net = slim.conv2d(net, root, 3, 2, padding=left, scope="Conv")
        end_points = {"MobilenetV2/Conv": net}
        current, rate, number = 2, 1, 0
        for expansion, channels, units, first_stride in _BLOCKS:
            for unit in range(units):
                stride = first_stride if unit == 0 else 1
                scope = f"expanded_conv_{number}" if number else "expanded_conv"
                reached = current == output_stride
                net, depthwise = _inverted_residual(
                    net,
                    expansion,
                    rounded(channels * depth_multiplier, divisible_by),
                    1 if reached else stride,
                    rate if reached else 1,
                    padding,
                    scope,
                )
                current, rate = (current, rate * stride) if reached else (current * stride, 1)
                end_points[f"MobilenetV2/{scope}/depthwise"] = depthwise
                end_points[f"MobilenetV2/{scope}"] = net
                number += 1
    return net, end_points


def width_from_shapes(shapes: Shapes) -> dict[str, Any]:
    """Returns the options of `mobilenet_v2` that give variables these shapes.

    Raises:
        KeyError: a layer that tells them is missing.
    """
    multiplier = shapes["MobilenetV2/expanded_conv_16/project/weights"][-1] / _BLOCKS[-1][1]
    channels = shapes["MobilenetV2/expanded_conv_2/project/weights"][-1]
    options = {"depth_multiplier": multiplier}
    return options if channels == rounded(24 * multiplier, 8) else options | {"divisible_by": 1}


def _options_from_shapes(shapes: Shapes) -> tuple[int, dict[str, Any]]:
    *_, num_classes = shapes["logits/weights"]
    return num_classes, width_from_shapes(shapes)


@register_model(
    size_divisor=16,
    output_stride=16,
    pad_value=(127.5, 127.5, 127.5),
    starts_from={"MobilenetV2": ("logits",)},
    options_from_shapes=_options_from_shapes,
)
def mobilenet_v2_fcn_16s(
    images: tf.Tensor,
    num_classes: int,
    is_training: bool = False,
    compute_dtype: str = "float32",
    **options: Any,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Scores classes on MobileNetV2's features at stride 16, upsampled by 16.

    Args:
        images: [batch, height, width, 3], RGB, 0..255, any numeric dtype, height and width
            multiples of 16. They are normalized inside.
        num_classes: number of classes.
        is_training: of `mobilenet_v2`.
        compute_dtype: type that convolutions compute in, "float32" or "bfloat16".
        **options: ``depth_multiplier``, ``divisible_by``, ``variant``,
            ``freeze_batch_norm``, ``batch_norm_decay`` of `mobilenet_v2`.

    Returns:
        ``logits``, float32 [batch, height, width, num_classes], and ``end_points``, the outputs of
        all layers by scoped name.

    Raises:
        ValueError: a side is known and not a multiple of 16, or an option is no choice.
    """
    check_images(images.shape, 16)
    images = tf.cast(normalize(images, options.get("variant", "slim")), compute_dtype)
    with tf.compat.v1.variable_scope("mobilenet_v2_fcn_16s"):
        net, layers = mobilenet_v2(images, is_training, output_stride=16, **options)
        scores = slim.conv2d(net, num_classes, 1, activation_fn=None, scope="logits")
        layers["logits"] = upsample_bilinear(tf.cast(scores, tf.float32), 16)
    return layers["logits"], {f"mobilenet_v2_fcn_16s/{name}": net for name, net in layers.items()}
