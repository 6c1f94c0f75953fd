"""VGG-16 as a slim function, made fully convolutional.

Layer names, and so variable names, are those of ``tf_slim.nets.vgg.vgg_16``, whose published
checkpoints this restores. It differs from that function in what segmentation needs: fc6 keeps the
size of its input (SAME padding), nothing is squeezed, and width and head can be made smaller.

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", ICLR 2015, configuration D.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_slim as slim

from tf_image_segmentation.models.layers import dropout, product_conv2d
from tf_image_segmentation.models.registry import Shapes, check_images

# The mean RGB of ImageNet that published VGG checkpoints were trained with, in 0..255.
RGB_MEAN = (123.68, 116.78, 103.94)
"""Mean color of ImageNet, which VGG-16 subtracts from images of 0 to 255."""

# (layers, channels) of conv1 to conv5; a 2x2 max pooling follows each.
_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


def scaled_width(channels: int, multiplier: float) -> int:
    """Returns the channels of a layer at a ``width_multiplier``, at least 1.

    Raises:
        ValueError: the product is not above 0.
    """
    if not channels * multiplier > 0:
        raise ValueError(f"channels must be above 0, got {channels} times {multiplier}")
    return max(1, round(channels * multiplier))


def subtract_mean(images: tf.Tensor, size_divisor: int, compute_dtype: str) -> tf.Tensor:
    """Returns images without `RGB_MEAN`, once it is checked that their sides fit.

    Args:
        images: [batch, height, width, 3], RGB, 0..255, any numeric dtype.
        size_divisor: what height and width must be multiples of.
        compute_dtype: type of the result.

    Raises:
        ValueError: the images have another shape, or a side is known and no such multiple.
    """
    check_images(images.shape, size_divisor)
    return tf.cast(tf.cast(images, tf.float32) - tf.constant(RGB_MEAN), compute_dtype)


# He's initialization keeps the scale through 15 rectified layers; it matters only for layers that
# no checkpoint fills.
_initializer = slim.variance_scaling_initializer


def vgg_16_convolutions(images: tf.Tensor, width_multiplier: float = 1.0) -> dict[str, tf.Tensor]:
    """Computes conv1 to pool5 in the current variable scope, which should be "vgg_16".

    Args:
        images: as for `vgg_16`.
        width_multiplier: scales the channels of every layer.

    Returns:
        The outputs of all layers by name, in order: ``"vgg_16/conv1/conv1_1"``, ...,
        ``"vgg_16/pool5"``, of stride 32.
    """
    net, end_points = images, {}
    for block, (layers, channels) in enumerate(_BLOCKS, start=1):
        width = scaled_width(channels, width_multiplier)
        with tf.compat.v1.variable_scope(f"conv{block}"):
            for layer in range(1, layers + 1):
                name = f"conv{block}_{layer}"
                net = slim.conv2d(
                    net, width, 3, padding="SAME", weights_initializer=_initializer(), scope=name
                )
                end_points[f"vgg_16/conv{block}/{name}"] = net
        net = end_points[f"vgg_16/pool{block}"] = slim.max_pool2d(net, 2, scope=f"pool{block}")
    return end_points


def vgg_16(
    images: tf.Tensor,
    num_classes: int,
    is_training: bool,
    *,
    width_multiplier: float = 1.0,
    fc_channels: int = 4096,
    fc6_kernel: int = 7,
    dropout_keep_prob: float = 0.5,
    zero_scores: bool = False,
    dropout_seed: tf.Tensor | None = None,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Scores classes at stride 32.

    Args:
        images: floating point [batch, height, width, 3], the RGB mean already subtracted; height
            and width multiples of 32.
        num_classes: channels of fc8.
        is_training: whether dropout is active.
        width_multiplier: scales the channels of every layer but fc8.
        fc_channels: channels of fc6 and fc7 before scaling.
        fc6_kernel: side of fc6's kernel.
        dropout_keep_prob: probability that an activation of fc6 or fc7 is kept.
        zero_scores: whether fc8 starts from zeros, so that all classes are equally likely at first.
        dropout_seed: int32 [2] that decides alone what is dropped; None uses the op's random state.

    Returns:
        The scores [batch, height / 32, width / 32, num_classes], and the outputs of all layers by
        name: ``"vgg_16/conv1/conv1_1"``, ..., ``"vgg_16/pool5"``, ``"vgg_16/fc6"``, ...
    """
    fc_channels = scaled_width(fc_channels, width_multiplier)

    def dropped(net: tf.Tensor, number: int) -> tf.Tensor:
        seed = None if dropout_seed is None else tf.add(dropout_seed, [0, number])
        return dropout(net, dropout_keep_prob, is_training, seed, f"dropout{number}")

    with (
        tf.compat.v1.variable_scope("vgg_16"),
        slim.arg_scope([product_conv2d], weights_initializer=_initializer()),
    ):
        end_points = vgg_16_convolutions(images, width_multiplier)
        net = product_conv2d(end_points["vgg_16/pool5"], fc_channels, fc6_kernel, "fc6")
        end_points["vgg_16/fc6"] = net
        net = product_conv2d(dropped(net, 6), fc_channels, 1, "fc7")
        end_points["vgg_16/fc7"] = net
        zeros = {"weights_initializer": tf.compat.v1.zeros_initializer()} if zero_scores else {}
        net = product_conv2d(dropped(net, 7), num_classes, 1, "fc8", activation_fn=None, **zeros)
        end_points["vgg_16/fc8"] = net
    return net, end_points


def options_from_shapes(shapes: Shapes) -> tuple[int, dict[str, Any]]:
    """Returns the number of classes and the options of `vgg_16` that give variables these shapes.

    Raises:
        KeyError: a layer that tells them is missing.
    """
    *_, num_classes = shapes["vgg_16/fc8/weights"]
    width = shapes["vgg_16/conv5/conv5_3/weights"][-1] / _BLOCKS[-1][1]
    fc6_kernel, _, _, fc_channels = shapes["vgg_16/fc6/weights"]
    options = {
        "width_multiplier": width,
        "fc_channels": round(fc_channels / width),
        "fc6_kernel": fc6_kernel,
    }
    return num_classes, options
