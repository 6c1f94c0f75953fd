"""U-Net: a decoder that goes back up through the layers of an encoder.

Source: Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image
Segmentation", MICCAI 2015; with the convolutions of VGG-16 as the encoder, bilinear upsampling and
batch normalization in the decoder.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_slim as slim

from tf_image_segmentation.models.layers import batch_norm, upsample_bilinear
from tf_image_segmentation.models.registry import Shapes, register_model
from tf_image_segmentation.models.vgg import (
    RGB_MEAN,
    scaled_width,
    subtract_mean,
    vgg_16_convolutions,
)

_SIZE_DIVISOR = 16  # four poolings lie below the deepest layer that is used
# (layer, channels of the decoder beside it), from the deepest on.
_STAGES = (
    ("conv4/conv4_3", 256),
    ("conv3/conv3_3", 128),
    ("conv2/conv2_2", 64),
    ("conv1/conv1_2", 32),
)
_NEW_LAYERS = ("decoder", "logits")


def _options_from_shapes(shapes: Shapes) -> tuple[int, dict[str, Any]]:
    *_, num_classes = shapes["logits/weights"]
    width = shapes["vgg_16/conv5/conv5_3/weights"][-1] / 512
    stages = sum(f"decoder/stage{n}/conv1/weights" in shapes for n in range(len(_STAGES)))
    stride = 2 ** (len(_STAGES) - stages)
    return num_classes, {"width_multiplier": width, "output_stride": stride}


@register_model(
    size_divisor=_SIZE_DIVISOR,
    output_stride=1,
    pad_value=RGB_MEAN,
    starts_from=dict.fromkeys(("vgg_16", "fcn_32s", "fcn_16s", "fcn_8s"), _NEW_LAYERS),
    options_from_shapes=_options_from_shapes,
)
def unet_vgg_16(
    images: tf.Tensor,
    num_classes: int,
    is_training: bool = False,
    compute_dtype: str = "float32",
    width_multiplier: float = 1.0,
    output_stride: int = 1,
    batch_norm_decay: float = 0.99,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """U-Net on VGG-16: features of stride 16, upsampled and joined with those of 8, 4, 2 and 1.

    Args:
        images: [batch, height, width, 3], RGB, 0..255, any numeric dtype, height and width
            multiples of 16. The RGB mean is subtracted inside.
        num_classes: number of classes.
        is_training: whether batch normalization takes the moments of the batch.
        compute_dtype: type that convolutions compute in, "float32" or "bfloat16".
        width_multiplier: scales the channels of every layer but the last.
        output_stride: 1 goes up to full size; 2 stops before, which takes about half the time and
            memory, and upsamples the scores.
        batch_norm_decay: of the moving averages of the decoder.

    Returns:
        ``logits``, float32 [batch, height, width, num_classes], and ``end_points``, the outputs of
        the layers by scoped name.

    Raises:
        ValueError: a side is known and not a multiple of 16, or the output stride is not 1 or 2.
    """
    if output_stride not in (1, 2):
        raise ValueError(f"output_stride must be 1 or 2, got {output_stride}")
    images = subtract_mean(images, _SIZE_DIVISOR, compute_dtype)
    normalization = {"is_training": is_training, "decay": batch_norm_decay, "scale": True}
    with tf.compat.v1.variable_scope("unet_vgg_16"):
        with tf.compat.v1.variable_scope("vgg_16"):
            layers = vgg_16_convolutions(images, width_multiplier)
        net = layers["vgg_16/conv5/conv5_3"]
        with (
            tf.compat.v1.variable_scope("decoder"),
            slim.arg_scope(
                [slim.conv2d], normalizer_fn=batch_norm, normalizer_params=normalization
            ),
        ):
            for number, (skip, channels) in enumerate(_STAGES[: 5 - output_stride]):
                net = tf.concat([upsample_bilinear(net, 2), layers[f"vgg_16/{skip}"]], -1)
                with tf.compat.v1.variable_scope(f"stage{number}"):
                    for layer in ("conv1", "conv2"):
                        width = scaled_width(channels, width_multiplier)
                        net = slim.conv2d(net, width, 3, scope=layer)
                layers[f"decoder/stage{number}"] = net
        scores = slim.conv2d(net, num_classes, 1, activation_fn=None, scope="logits")
        scores = tf.cast(scores, tf.float32)
        layers["logits"] = scores if output_stride == 1 else upsample_bilinear(scores, 2)
    return layers["logits"], {f"unet_vgg_16/{name}": net for name, net in layers.items()}
