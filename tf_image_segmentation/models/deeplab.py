"""DeepLabv3 and DeepLabv3+, on MobileNetV2 and on ResNet v1.

Variable names are those of TensorFlow's research/deeplab, whose published checkpoints
`deeplab_v3_mobilenet_v2` restores: ``MobilenetV2/...``, ``image_pooling``, ``aspp0``,
``concat_projection``, ``decoder/...``, ``logits/semantic``.

Any size is taken: images are padded to a multiple of the output stride and one pixel more. Corners
of the features then lie on corners of the image, and upsampling keeps them there.

Sources: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017; Chen
et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation", ECCV
2018.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tf_slim as slim

from tf_image_segmentation.models.layers import batch_norm, dropout, upsample_aligned
from tf_image_segmentation.models.mobilenet_v2 import (
    mobilenet_v2,
    normalize,
    width_from_shapes,
)
from tf_image_segmentation.models.registry import (
    ModelFunction,
    Shapes,
    check_images,
    register_model,
)
from tf_image_segmentation.models.resnet_v1 import resnet_v1_features, size_from_shapes
from tf_image_segmentation.models.vgg import RGB_MEAN

_DECODER_STRIDE = 4
_ATROUS_RATES = (6, 12, 18)  # at output stride 16
_HEAD = ("image_pooling", "aspp0", "concat_projection", "logits")
_PLUS = (
    *(f"aspp{n}_{part}" for n in (1, 2, 3) for part in ("depthwise", "pointwise")),
    "decoder",
)

Features = tuple[tf.Tensor, dict[str, tf.Tensor]]


class _Backbone(NamedTuple):
    features: Callable[..., Features]  # (images, is_training, output_stride, **options)
    skip: str  # layer of stride 4 that the decoder is given
    normalize: Callable[..., tf.Tensor]  # (images, **options)
    pad_value: tuple[float, float, float]
    scope: str
    options_from_shapes: Callable[[Shapes], dict[str, Any]]


def _resnet(name: str) -> _Backbone:
    def features(
        images: tf.Tensor, is_training: bool, output_stride: int, **options: Any
    ) -> Features:
        return resnet_v1_features(images, is_training, name, output_stride, **options)

    def normalize(images: tf.Tensor, **_: Any) -> tf.Tensor:
        return tf.cast(images, tf.float32) - tf.constant(RGB_MEAN)

    def options(shapes: Shapes) -> dict[str, Any]:
        return size_from_shapes(shapes, name)

    return _Backbone(features, f"{name}/block1/unit_2/conv3", normalize, RGB_MEAN, name, options)


def _normalize(images: tf.Tensor, variant: str = "slim", **_: Any) -> tf.Tensor:
    return normalize(images, variant)


_BACKBONES = {
    "mobilenet_v2": _Backbone(
        mobilenet_v2,
        "MobilenetV2/expanded_conv_2/depthwise",
        _normalize,
        (127.5, 127.5, 127.5),
        "MobilenetV2",
        width_from_shapes,
    ),
    "resnet_v1_50": _resnet("resnet_v1_50"),
    "resnet_v1_101": _resnet("resnet_v1_101"),
}


def _pad_to_corners(images: tf.Tensor, stride: int) -> tf.Tensor:
    """Pads zeros below and to the right, up to a multiple of ``stride`` and one."""
    batch, *sides, _ = tf.unstack(tf.shape(images))
    # The remainder of a negative number, which would be shorter, is another one in ONNX.
    margins = [(side + stride - 2) // stride * stride + 1 - side for side in sides]
    padded = tf.pad(images, [[0, 0], *([0, margin] for margin in margins), [0, 0]])
    # Converters lose the number of channels in a padding that is not constant.
    sides = [side + margin for side, margin in zip(sides, margins, strict=True)]
    return tf.reshape(padded, [batch, *sides, images.shape[3]])


def _separable_conv2d(net: tf.Tensor, channels: int, rate: int, scope: str) -> tf.Tensor:
    net = slim.separable_conv2d(net, None, 3, 1, rate=rate, scope=f"{scope}_depthwise")
    return slim.conv2d(net, channels, 1, scope=f"{scope}_pointwise")


def _pyramid(
    features: tf.Tensor, channels: int, rates: Sequence[int], layers: dict[str, tf.Tensor]
) -> tf.Tensor:
    """Joins the mean of the image, a 1x1 convolution, and atrous ones."""
    # In float32: bfloat16 cannot add up a thousand positions.
    mean = tf.reduce_mean(tf.cast(features, tf.float32), [1, 2], keepdims=True)
    pooled = slim.conv2d(tf.cast(mean, features.dtype), channels, 1, scope="image_pooling")
    branches = [slim.conv2d(features, channels, 1, scope="aspp0")]
    for number, rate in enumerate(rates, start=1):
        branches.append(_separable_conv2d(features, channels, rate, f"aspp{number}"))
    net = tf.concat([tf.broadcast_to(pooled, tf.shape(branches[0])), *branches], -1)
    layers["concat_projection"] = slim.conv2d(net, channels, 1, scope="concat_projection")
    return layers["concat_projection"]


def _decoder(
    net: tf.Tensor, skip: tf.Tensor, factor: int, channels: int, layers: dict[str, tf.Tensor]
) -> tf.Tensor:
    with tf.compat.v1.variable_scope("decoder"):
        projected = slim.conv2d(skip, 48, 1, scope="feature_projection0")
        net = tf.concat([upsample_aligned(net, factor), projected], -1)
        for name in ("decoder_conv0", "decoder_conv1"):
            net = layers[f"decoder/{name}"] = _separable_conv2d(net, channels, 1, name)
    return net


def _deeplab(
    name: str,
    backbone: _Backbone,
    has_decoder: bool,
    images: tf.Tensor,
    num_classes: int,
    is_training: bool,
    compute_dtype: str,
    dropout_seed: tf.Tensor | None,
    *,
    output_stride: int = 16,
    atrous_rates: Sequence[int] = (),
    head_channels: int = 256,
    dropout_keep_prob: float = 0.9,
    freeze_batch_norm: bool = False,
    batch_norm_decay: float = 0.997,
    **options: Any,
) -> Features:
    if output_stride not in (8, 16):
        raise ValueError(f"output_stride must be 8 or 16, got {output_stride}")
    check_images(images.shape, 1)
    height, width = tf.unstack(tf.shape(images)[1:3])
    normalized = tf.cast(backbone.normalize(images, **options), compute_dtype)
    normalized = _pad_to_corners(normalized, output_stride)
    options |= {"freeze_batch_norm": freeze_batch_norm, "batch_norm_decay": batch_norm_decay}
    normalization = {
        "is_training": is_training and not freeze_batch_norm,
        "decay": batch_norm_decay,
        "epsilon": 1e-5,
        "scale": True,
    }
    with tf.compat.v1.variable_scope(name):
        net, layers = backbone.features(normalized, is_training, output_stride, **options)
        with slim.arg_scope(
            [slim.conv2d, slim.separable_conv2d],
            weights_initializer=slim.variance_scaling_initializer(),
            normalizer_fn=batch_norm,
            normalizer_params=normalization,
        ):
            net = _pyramid(net, head_channels, atrous_rates, layers)
            net = dropout(net, dropout_keep_prob, is_training, dropout_seed, "dropout")
            stride = output_stride
            if has_decoder:
                factor, stride = output_stride // _DECODER_STRIDE, _DECODER_STRIDE
                net = _decoder(net, layers[backbone.skip], factor, head_channels, layers)
        scores = slim.conv2d(net, num_classes, 1, activation_fn=None, scope="logits/semantic")
        scores = upsample_aligned(tf.cast(scores, tf.float32), stride)
        logits = layers["logits"] = scores[:, :height, :width]
        logits.set_shape([*images.shape[:3], num_classes])
    return logits, {f"{name}/{layer}": output for layer, output in layers.items()}


def _options_from_shapes(
    backbone: _Backbone, has_decoder: bool
) -> Callable[[Shapes], tuple[int, dict[str, Any]]]:
    def options(shapes: Shapes) -> tuple[int, dict[str, Any]]:
        *_, num_classes = shapes["logits/semantic/weights"]
        if has_decoder:
            shapes["decoder/feature_projection0/weights"]
        rates = [
            r for n, r in enumerate(_ATROUS_RATES, 1) if f"aspp{n}_pointwise/weights" in shapes
        ]
        head = {
            "head_channels": shapes["concat_projection/weights"][-1],
            "atrous_rates": rates,
        }
        return num_classes, backbone.options_from_shapes(shapes) | head

    return options


def _register(backbone_name: str, has_decoder: bool) -> ModelFunction:
    """Registers DeepLabv3, or DeepLabv3+, which has a decoder, on a backbone."""
    backbone = _BACKBONES[backbone_name]
    version = "v3_plus" if has_decoder else "v3"
    name = f"deeplab_{version}_{backbone_name}"

    def model(
        images: tf.Tensor,
        num_classes: int,
        is_training: bool = False,
        compute_dtype: str = "float32",
        dropout_seed: tf.Tensor | None = None,
        **options: Any,
    ) -> Features:
        if has_decoder:
            options.setdefault("atrous_rates", _ATROUS_RATES)
        return _deeplab(
            name,
            backbone,
            has_decoder,
            images,
            num_classes,
            is_training,
            compute_dtype,
            dropout_seed,
            **options,
        )

    model.__name__ = model.__qualname__ = name
    model.__doc__ = f"""DeepLab{version.replace("_plus", "+")} on {backbone_name}.

    Args:
        images: [batch, height, width, 3], RGB, 0..255, any numeric dtype, any size. They are
            normalized inside.
        num_classes: number of classes.
        is_training: whether dropout is active and batch normalization takes the moments of the
            batch, unless ``freeze_batch_norm``.
        compute_dtype: type that convolutions compute in, "float32" or "bfloat16".
        dropout_seed: int32 [2] that decides alone what is dropped.
        **options: ``output_stride`` (8 or 16, the default) and ``atrous_rates`` of the pyramid;
            ``head_channels``; ``dropout_keep_prob``; ``freeze_batch_norm``; ``batch_norm_decay``;
            and those of the backbone.

    Returns:
        ``logits``, float32 [batch, height, width, num_classes], and ``end_points``.

    Raises:
        ValueError: an option is none of its choices.
    """
    new: Mapping[str, tuple[str, ...]] = {backbone.scope: (*_HEAD, *_PLUS)}
    if has_decoder and backbone_name == "mobilenet_v2":
        new = {**new, "deeplab_v3_mobilenet_v2": ("concat_projection", *_PLUS)}
    return register_model(
        output_stride=_DECODER_STRIDE if has_decoder else 16,
        pad_value=backbone.pad_value,
        starts_from=new,
        options_from_shapes=_options_from_shapes(backbone, has_decoder),
    )(model)


deeplab_v3_mobilenet_v2 = _register("mobilenet_v2", has_decoder=False)
"""DeepLabv3 on MobileNetV2, without a decoder; its `help()` lists the options."""
deeplab_v3_plus_mobilenet_v2 = _register("mobilenet_v2", has_decoder=True)
"""DeepLabv3+ on MobileNetV2; its `help()` lists the options."""
deeplab_v3_plus_resnet_v1_50 = _register("resnet_v1_50", has_decoder=True)
"""DeepLabv3+ on ResNet-50 v1; its `help()` lists the options."""
deeplab_v3_plus_resnet_v1_101 = _register("resnet_v1_101", has_decoder=True)
"""DeepLabv3+ on ResNet-101 v1; its `help()` lists the options."""
