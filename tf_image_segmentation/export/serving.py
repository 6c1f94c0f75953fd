"""The function that every export holds: images of any size in, labels and probabilities out."""

from __future__ import annotations

from functools import partial

import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.models.registry import ModelSpec
from tf_image_segmentation.models.threshold import labels_of_logits

IMAGES = tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")


def _missing(side: tf.Tensor, divisor: int) -> tf.Tensor:
    # The remainder of a negative number, which would be shorter, is another one in ONNX.
    return (side + divisor - 1) // divisor * divisor - side


def _pad(images: tf.Tensor, spec: ModelSpec) -> tf.Tensor:
    """Does in a graph what `inference` does: padding below and to the right in ``pad_value``."""
    if spec.size_divisor == 1:
        return tf.cast(images, tf.float32)
    height, width = tf.unstack(tf.shape(images)[1:3])
    missing = [[0, _missing(side, spec.size_divisor)] for side in (height, width)]
    margins = [[0, 0], *missing, [0, 0]]
    outside = 1.0 - tf.pad(tf.ones([1, height, width, 1]), margins)
    # Pixels of the image get 0 added, which leaves them as they are to the last bit.
    return tf.pad(tf.cast(images, tf.float32), margins) + outside * tf.constant(
        spec.pad_value, tf.float32
    )


def serve(network: Network, images: tf.Tensor) -> dict[str, tf.Tensor]:
    """Predicts in a graph what `predict_labels` gives for images that it looks at whole.

    Args:
        network: any `Network` of at most 256 classes.
        images: uint8 [batch, height, width, 3], RGB, of any size. Images of more than 8 bits are
            mapped first, with the ``intensity_range`` of the metadata, see `describe_export`.

    Returns:
        ``labels``, uint8 [batch, height, width], and ``probabilities``, float32 [batch, height,
        width, num_classes], 0..1.

    Raises:
        DataError: the network has more than 256 classes.
    """
    if network.num_classes > 256:
        raise DataError(
            f"labels are 8-bit, and the network has {network.num_classes} classes; export one of "
            "at most 256"
        )
    height, width = tf.unstack(tf.shape(images)[1:3])
    logits = network(_pad(images, network.spec))[:, :height, :width]
    labels = labels_of_logits(logits, network.threshold)
    return {"labels": labels, "probabilities": tf.nn.softmax(logits)}


def serving_function(network: Network) -> tf.types.experimental.PolymorphicFunction:
    """Returns `serve` of a network as a ``tf.function`` of ``images`` alone, of any size."""
    return tf.function(partial(serve, network), input_signature=[IMAGES], autograph=False)


def float32_network(network: Network) -> Network:
    """Returns the network itself if it computes in float32, else one of the same weights."""
    if network.compute_dtype == "float32":
        return network
    twin = Network(network.model, network.num_classes, **network.model_options)
    for name, variable in network.variables_by_name.items():
        twin.variables_by_name[name].assign(variable)
    twin.class_names, twin.palette = network.class_names, network.palette
    twin.threshold = network.threshold
    twin.intensity_range = network.intensity_range
    return twin
