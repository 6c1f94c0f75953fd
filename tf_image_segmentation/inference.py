"""Prediction for one image of any size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tf_image_segmentation.crf import CrfParameters, refine
from tf_image_segmentation.models.fcn import STRIDE_OF_FC8
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.models.vgg import RGB_MEAN

FITS = ("pad", "resize")


def _next_multiple(side: int) -> int:
    return max(1, -(-side // STRIDE_OF_FC8)) * STRIDE_OF_FC8


def _nearest_multiple(side: int) -> int:
    # Half a multiple goes up, as TensorFlow 0.12 rounded; round() would go to the even one.
    return max(1, (side + STRIDE_OF_FC8 // 2) // STRIDE_OF_FC8) * STRIDE_OF_FC8


def pad_to_multiple(image: np.ndarray) -> np.ndarray:
    """Pads [height, width, 3] below and to the right to multiples of 32 with the RGB mean.

    The network subtracts that mean, so its first layer sees zeros, as beyond any image border.
    """
    height, width = image.shape[:2]
    padded = np.empty((_next_multiple(height), _next_multiple(width), 3), np.float32)
    padded[:] = RGB_MEAN
    padded[:height, :width] = image
    return padded


def _labels(network: Network, images: tf.Tensor) -> np.ndarray:
    return tf.argmax(network(images), axis=-1, output_type=tf.int32).numpy()[0]


def _predict_padded(network: Network, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return _labels(network, pad_to_multiple(image)[np.newaxis])[:height, :width]


def _predict_resized(network: Network, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    size = [_nearest_multiple(height), _nearest_multiple(width)]
    # Both resizes sample from the top left corner, as TensorFlow 0.12 did.
    resized = tf.compat.v1.image.resize_bilinear(
        image[np.newaxis].astype(np.float32), size, half_pixel_centers=False
    )
    labels = _labels(network, resized)[np.newaxis, ..., np.newaxis]
    restored = tf.compat.v1.image.resize_nearest_neighbor(
        labels, [height, width], half_pixel_centers=False
    )
    return restored.numpy()[0, ..., 0]


def _checked(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image must be [height, width, 3] with pixels in it, got {image.shape}")
    return image


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    return tf.image.resize(image, [height, width]).numpy()


def _probabilities(network: Network, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    logits = network(pad_to_multiple(image)[np.newaxis])[0, :height, :width]
    return tf.nn.softmax(logits).numpy()


def predict_probabilities(
    network: Network, image: np.ndarray, scales: Sequence[float] = (1.0,), flip: bool = False
) -> np.ndarray:
    """Returns the probability of each class, the mean over several views of the image.

    Args:
        network: any `Network`.
        image: [height, width, 3], RGB, 0..255, any size and numeric dtype; padded as
            `predict_labels` does with ``fit="pad"``.
        scales: sizes at which the image is looked at; it is resized bilinearly, and so are the
            probabilities on their way back.
        flip: whether each size is looked at mirrored, too.

    Returns:
        float32 [height, width, num_classes], 0..1.

    Raises:
        ValueError: the image is not [height, width, 3] with at least one pixel, or there is no
            scale or one that is not above 0.
    """
    image = _checked(image)
    if not scales or not all(0 < scale < math.inf for scale in scales):
        raise ValueError(f"scales must be numbers above 0, got {list(scales)}")
    height, width = image.shape[:2]
    total = np.zeros((height, width, network.num_classes), np.float32)
    for scale in scales:
        scaled = _resize(image, max(1, round(height * scale)), max(1, round(width * scale)))
        views = [_probabilities(network, scaled)]
        if flip:
            views.append(_probabilities(network, scaled[:, ::-1])[:, ::-1])
        total += sum(_resize(view, height, width) for view in views) / len(views)
    return total / len(scales)


def predict_labels(
    network: Network,
    image: np.ndarray,
    fit: str = "pad",
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    crf: CrfParameters | None = None,
) -> np.ndarray:
    """Returns the most probable class of each pixel.

    Args:
        network: any `Network` of at most 256 classes.
        image: [height, width, 3], RGB, 0..255, any size and numeric dtype.
        fit: how the image is brought to multiples of 32. "pad" pads with the mean colour and crops
            the result; no pixel is resampled. "resize" resizes bilinearly to the nearest multiple
            (at least 32), takes the argmax there and resizes the labels back by nearest neighbour,
            as the classic system did.
        scales: see `predict_probabilities`; other than one scale of 1 only with "pad".
        flip: likewise.
        crf: refines the probabilities of a uint8 image, see `crf.refine`; only with "pad".

    Returns:
        uint8 [height, width], class ids.

    Raises:
        ValueError: the image is not [height, width, 3] with at least one pixel, ``fit`` is unknown
            or cannot be had with the other options, or the network has more than 256 classes.
        DataError: ``crf`` is asked for, and pydensecrf is not installed.
    """
    image = _checked(image)
    if fit not in FITS:
        raise ValueError(f"unknown fit {fit!r}; choose from {FITS}")
    if network.num_classes > 256:
        raise ValueError(f"labels are 8-bit, the network has {network.num_classes} classes")
    if tuple(scales) != (1.0,) or flip or crf is not None:
        if fit != "pad":
            raise ValueError('scales, flip and crf work on padded images only: fit="pad"')
        probabilities = predict_probabilities(network, image, scales, flip)
        if crf is not None:
            probabilities = refine(image, probabilities, crf)
        return probabilities.argmax(axis=-1).astype(np.uint8)
    predict = _predict_padded if fit == "pad" else _predict_resized
    return predict(network, image).astype(np.uint8)
