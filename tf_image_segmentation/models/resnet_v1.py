"""ResNet-50 and ResNet-101, dilated, with bilinear upsampling of their scores.

Variable names are those of ``tf_slim.nets.resnet_v1``, whose published checkpoints these models
start from, below a scope of the model's name: ``resnet_v1_50_8s/resnet_v1_50/conv1/weights``.

Sources: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; Chen et al.,
"DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous Convolution, and Fully
Connected CRFs", TPAMI 2017, section 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf
import tf_slim as slim

from tf_image_segmentation.models.layers import batch_norm, upsample_bilinear
from tf_image_segmentation.models.registry import ModelFunction, Shapes, register_model
from tf_image_segmentation.models.vgg import RGB_MEAN, scaled_width, subtract_mean

_UNITS = {"resnet_v1_50": (3, 4, 6, 3), "resnet_v1_101": (3, 4, 23, 3)}
_ROOT_CHANNELS = 64  # of conv1, and of the bottleneck of block1
# On CPUs, oneDNN's gradients of a thinner network write beyond their memory (TensorFlow 2.21).
_LEAST_WIDTH = 1 / 8


def _conv2d_same(
    net: tf.Tensor, channels: int, kernel: int, stride: int, rate: int, scope: str
) -> tf.Tensor:
    """Pads alike on both sides, which SAME padding of a strided convolution does not."""
    if stride > 1:
        margin = [(kernel - 1) // 2, kernel // 2]
        net = tf.pad(net, [[0, 0], margin, margin, [0, 0]])
    padding = "SAME" if stride == 1 else "VALID"
    return slim.conv2d(net, channels, kernel, stride, padding=padding, rate=rate, scope=scope)


def _bottleneck(net: tf.Tensor, base: int, stride: int, rate: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the output and that of the last convolution."""
    with tf.compat.v1.variable_scope("bottleneck_v1"):
        if net.shape[-1] == 4 * base:
            shortcut = net if stride == 1 else slim.max_pool2d(net, 1, stride)
        else:
            shortcut = slim.conv2d(net, 4 * base, 1, stride, activation_fn=None, scope="shortcut")
        net = slim.conv2d(net, base, 1, scope="conv1")
        net = _conv2d_same(net, base, 3, stride, rate, "conv2")
        net = slim.conv2d(net, 4 * base, 1, activation_fn=None, scope="conv3")
        return tf.nn.relu(shortcut + net), net


def _strides_and_rates(units: Sequence[int], output_stride: int) -> Iterator[list[tuple[int, int]]]:
    """Gives for each block the stride and the rate of its units.

    All blocks but the last have stride 2 in their last unit. Where the output stride is reached,
    convolutions are dilated instead.
    """
    current, rate = 4, 1  # after conv1 and pool1
    for block, count in enumerate(units):
        found = []
        for unit in range(count):
            stride = 2 if unit == count - 1 and block < len(units) - 1 else 1
            if current == output_stride:
                found.append((1, rate))
                rate *= stride
            else:
                found.append((stride, 1))
                current *= stride
        yield found


def resnet_v1_features(
    images: tf.Tensor,
    is_training: bool,
    name: str,
    output_stride: int,
    *,
    units: Sequence[int] | None = None,
    width_multiplier: float = 1.0,
    freeze_batch_norm: bool = True,
    batch_norm_decay: float = 0.997,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Computes features at a stride of 8, 16 or 32.

    Args:
        images: floating point [batch, height, width, 3], the RGB mean already subtracted; height
            and width multiples of ``output_stride``, or one more.
        is_training: whether batch normalization takes the moments of the batch, unless frozen.
        name: "resnet_v1_50" or "resnet_v1_101", also the scope of the variables.
        output_stride: input pixels per position of the features.
        units: residual units of each of the four blocks; None for those of ``name``.
        width_multiplier: scales the channels, 1/8 or more.
        freeze_batch_norm: whether batch normalization uses its moving averages in training, too, as
            is best with a published checkpoint and few images in a batch.
        batch_norm_decay: of the moving averages.

    Returns:
        Features [batch, height / output_stride, width / output_stride, channels], and the outputs
        of layers by name: ``"resnet_v1_50/block1"``, ``"resnet_v1_50/block1/unit_2/conv3"``, ...

    Raises:
        ValueError: the network is too thin, or ``units`` does not fit four blocks.
    """
    if width_multiplier < _LEAST_WIDTH:
        raise ValueError(
            f"width_multiplier must be at least {_LEAST_WIDTH}, got {width_multiplier}"
        )
    units = units or _UNITS[name]
    if len(units) != len(_UNITS[name]) or min(units) < 1:
        raise ValueError(f"units must be {len(_UNITS[name])} numbers from 1 on, got {list(units)}")
    normalization = {
        "is_training": is_training and not freeze_batch_norm,
        "decay": batch_norm_decay,
        "epsilon": 1e-5,
        "scale": True,
    }
    root = scaled_width(_ROOT_CHANNELS, width_multiplier)
    strides = _strides_and_rates(units, output_stride)
    end_points = {}
    with (
        tf.compat.v1.variable_scope(name),
        slim.arg_scope(
            [slim.conv2d],
            weights_initializer=slim.variance_scaling_initializer(),
            padding="SAME",
            normalizer_fn=batch_norm,
            normalizer_params=normalization,
        ),
    ):
        net = _conv2d_same(images, root, 7, 2, 1, "conv1")
        net = slim.max_pool2d(net, 3, 2, padding="SAME", scope="pool1")
        for block, of_units in enumerate(strides, start=1):
            with tf.compat.v1.variable_scope(f"block{block}"):
                for unit, (stride, rate) in enumerate(of_units, start=1):
                    with tf.compat.v1.variable_scope(f"unit_{unit}"):
                        net, last = _bottleneck(net, root * 2 ** (block - 1), stride, rate)
                    end_points[f"{name}/block{block}/unit_{unit}/conv3"] = last
            end_points[f"{name}/block{block}"] = net
    return net, end_points


def size_from_shapes(shapes: Shapes, name: str) -> dict[str, Any]:
    """Returns the options of `resnet_v1_features` that give variables these shapes.

    Raises:
        KeyError: a layer that tells them is missing.
    """
    width = shapes[f"{name}/conv1/weights"][-1] / _ROOT_CHANNELS
    found = [0] * len(_UNITS[name])
    for variable in shapes:
        if place := re.match(rf"{name}/block([1-4])/unit_(\d+)/", variable):
            block, unit = int(place[1]) - 1, int(place[2])
            found[block] = max(found[block], unit)
    return {"width_multiplier": width, "units": found}


def _register(backbone: str, stride: int) -> ModelFunction:
    """Registers ``backbone`` at an output stride, below a scope of the model's own name."""
    name = f"{backbone}_{stride}s"

    def model(
        images: tf.Tensor,
        num_classes: int,
        is_training: bool = False,
        compute_dtype: str = "float32",
        **options: Any,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        images = subtract_mean(images, stride, compute_dtype)
        with tf.compat.v1.variable_scope(name):
            net, layers = resnet_v1_features(images, is_training, backbone, stride, **options)
            with tf.compat.v1.variable_scope(backbone):
                scores = slim.conv2d(
                    net,
                    num_classes,
                    1,
                    activation_fn=None,
                    weights_initializer=slim.variance_scaling_initializer(),
                    scope="logits",
                )
            layers[f"{backbone}/logits"] = scores
            layers["logits"] = upsample_bilinear(tf.cast(scores, tf.float32), stride)
        return layers["logits"], {f"{name}/{layer}": net for layer, net in layers.items()}

    model.__name__ = model.__qualname__ = name
    model.__doc__ = f"""Scores of {backbone}'s features, upsampled from stride {stride}.

    Args:
        images: [batch, height, width, 3], RGB, 0..255, any numeric dtype, height and width
            multiples of {stride}. The RGB mean is subtracted inside.
        num_classes: number of classes.
        is_training: of `resnet_v1_features`.
        compute_dtype: type that convolutions compute in, "float32" or "bfloat16".
        **options: ``units``, ``width_multiplier``, ``freeze_batch_norm``, ``batch_norm_decay`` of
            `resnet_v1_features`.

    Returns:
        ``logits``, float32 [batch, height, width, num_classes], and ``end_points``.

    Raises:
        ValueError: a side is known and not a multiple of {stride}.
    """
    return register_model(
        size_divisor=stride,
        output_stride=stride,
        pad_value=RGB_MEAN,
        # From the classifier; and from the same network at the other stride, whole.
        starts_from={backbone: ("logits",), f"{backbone}_{24 - stride}s": ()},
        options_from_shapes=lambda shapes: (
            shapes[f"{backbone}/logits/weights"][-1],
            size_from_shapes(shapes, backbone),
        ),
    )(model)


resnet_v1_50_16s = _register("resnet_v1_50", 16)
"""ResNet-50 v1 with scores at stride 16; its `help()` lists the options."""
resnet_v1_50_8s = _register("resnet_v1_50", 8)
"""ResNet-50 v1 with scores at stride 8; its `help()` lists the options."""
resnet_v1_101_16s = _register("resnet_v1_101", 16)
"""ResNet-101 v1 with scores at stride 16; its `help()` lists the options."""
resnet_v1_101_8s = _register("resnet_v1_101", 8)
"""ResNet-101 v1 with scores at stride 8; its `help()` lists the options."""
