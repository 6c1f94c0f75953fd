"""Prediction for one image of any size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from tf_image_segmentation.inference.crf import CrfParameters, refine
from tf_image_segmentation.inference.options import OVERLAP, WINDOW, Views
from tf_image_segmentation.inference.windows import blend_windows
from tf_image_segmentation.models.fcn import STRIDE_OF_FC8
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.models.vgg import RGB_MEAN


@dataclass(frozen=True)
class Block:
    """What is predicted for a part of an image; that of a small image is all of it.

    Attributes:
        rows: of the part.
        columns: of the part.
        labels: uint8 [rows, columns], class ids, before any refinement.
        probabilities: float32 [rows, columns, num_classes], if they were asked for.
        refined: the same after the dense CRF, if one was asked for.
    """

    rows: slice
    columns: slice
    labels: np.ndarray
    probabilities: np.ndarray | None = None
    refined: np.ndarray | None = None


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
    labels = tf.argmax(network(images), axis=-1, output_type=tf.int32)
    return tf.cast(labels, tf.uint8).numpy()[0]


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


def _checked(network: Network, image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image must be [height, width, 3] with pixels in it, got {image.shape}")
    if network.num_classes > 256:
        raise ValueError(f"labels are 8-bit, the network has {network.num_classes} classes")
    return image


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    return tf.image.resize(image, [height, width]).numpy()


def _logits(network: Network, image: np.ndarray) -> tf.Tensor:
    height, width = image.shape[:2]
    return network(pad_to_multiple(image)[np.newaxis])[0, :height, :width]


def _softmax(logits: np.ndarray | tf.Tensor) -> np.ndarray:
    return tf.nn.softmax(logits).numpy()


def _scores(network: Network, image: np.ndarray, views: Views) -> np.ndarray:
    """Returns the logits of a single view, of several the mean probabilities."""
    if not views.several:
        return _logits(network, image).numpy()
    height, width = image.shape[:2]
    total = np.zeros((height, width, network.num_classes), np.float32)
    for scale in views.scales:
        scaled = _resize(image, max(1, round(height * scale)), max(1, round(width * scale)))
        seen = [_softmax(_logits(network, scaled))]
        if views.flip:
            seen.append(_softmax(_logits(network, scaled[:, ::-1]))[:, ::-1])
        total += sum(_resize(view, height, width) for view in seen) / len(seen)
    return total / len(views.scales)


def predict_blocks(
    network: Network,
    image: np.ndarray,
    views: Views | None = None,
    crf: CrfParameters | None = None,
    probabilities: bool = False,
) -> Iterator[Block]:
    """Yields the prediction part by part, so that memory is bounded whatever the image's size.

    Args:
        network: any `Network` of at most 256 classes.
        image: [height, width, 3], RGB, 0..255, any size and numeric dtype; uint8 with ``crf``.
        views: how the image is looked at; None for the defaults.
        crf: refines the probabilities, see `crf.refine`; of a large image window by window.
        probabilities: whether they are wanted; with ``fit="resize"`` there are none.

    Raises:
        ValueError: the image is not [height, width, 3] with at least one pixel, the network has
            more than 256 classes, or with ``fit="resize"`` probabilities or a CRF are asked for.
        DataError: ``crf`` is asked for, and pydensecrf is not installed.
    """
    image, views = _checked(network, image), views or Views()
    everything = slice(0, image.shape[0]), slice(0, image.shape[1])
    if views.fit == "resize":
        if crf or probabilities:
            raise ValueError('a CRF and probabilities work on padded images only: fit="pad"')
        yield Block(*everything, _predict_resized(network, image))
        return
    if views.whole(image) and not (views.several or crf or probabilities):
        labels = _labels(network, pad_to_multiple(image)[np.newaxis])
        yield Block(*everything, labels[: image.shape[0], : image.shape[1]])
        return
    score = partial(_scores_and_refined, network, views=views, crf=crf)
    if views.whole(image):
        parts = iter([(*everything, score(image))])
    else:
        channels = network.num_classes * (2 if crf else 1)
        parts = blend_windows(score, image, channels, views.window, views.overlap)
    for rows, columns, both in parts:
        scores, refined = both[..., : network.num_classes], both[..., network.num_classes :]
        yield Block(
            rows,
            columns,
            scores.argmax(axis=-1).astype(np.uint8),
            (scores if views.several else _softmax(scores)) if probabilities else None,
            refined if crf else None,
        )


def _scores_and_refined(
    network: Network, image: np.ndarray, views: Views, crf: CrfParameters | None
) -> np.ndarray:
    scores = _scores(network, image, views)
    if crf is None:
        return scores
    probabilities = scores if views.several else _softmax(scores)
    return np.concatenate([scores, refine(image, probabilities, crf)], axis=-1)


def predict_probabilities(
    network: Network,
    image: np.ndarray,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int = WINDOW,
    overlap: int = OVERLAP,
) -> np.ndarray:
    """Returns the probability of each class, the mean over several views of the image.

    Args:
        network: any `Network` of at most 256 classes.
        image: [height, width, 3], RGB, 0..255, any size and numeric dtype.
        scales: see `Views`, as for the following ones.
        flip: whether each size is looked at mirrored, too.
        window: side of the windows of large images.
        overlap: of the windows.

    Returns:
        float32 [height, width, num_classes], 0..1.

    Raises:
        ValueError: as `Views` and `predict_blocks`.
    """
    views = Views("pad", tuple(scales), flip, window, overlap)
    result = np.empty((*np.shape(image)[:2], network.num_classes), np.float32)
    for block in predict_blocks(network, image, views, probabilities=True):
        result[block.rows, block.columns] = block.probabilities
    return result


def predict_labels(
    network: Network,
    image: np.ndarray,
    fit: str = "pad",
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    crf: CrfParameters | None = None,
    window: int = WINDOW,
    overlap: int = OVERLAP,
) -> np.ndarray:
    """Returns the most probable class of each pixel.

    Args:
        network: any `Network` of at most 256 classes.
        image: [height, width, 3], RGB, 0..255, any size and numeric dtype.
        fit: "pad" or "resize", see `Views`, as for all but ``crf``.
        scales: sizes whose probabilities are averaged.
        flip: whether each size is looked at mirrored, too.
        crf: refines the probabilities of a uint8 image, see `crf.refine`; only with "pad".
        window: side of the windows of large images.
        overlap: of the windows.

    Returns:
        uint8 [height, width], class ids.

    Raises:
        ValueError: as `Views` and `predict_blocks`.
        DataError: ``crf`` is asked for, and pydensecrf is not installed.
    """
    views = Views(fit, tuple(scales), flip, window, overlap)
    _, labels = join_blocks(image, predict_blocks(network, image, views, crf))
    return labels


def join_blocks(image: np.ndarray, blocks: Iterable[Block]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the labels of an image before and after the CRF; without one, the same array twice.

    Args:
        image: [height, width, 3].
        blocks: all that `predict_blocks` yields for it.

    Returns:
        Two arrays, uint8 [height, width].
    """
    labels = refined = np.empty(np.shape(image)[:2], np.uint8)
    for block in blocks:
        part = block.rows, block.columns
        labels[part] = block.labels
        if block.refined is not None:
            if refined is labels:
                refined = np.empty_like(labels)
            refined[part] = block.refined.argmax(axis=-1)
    return labels, refined
