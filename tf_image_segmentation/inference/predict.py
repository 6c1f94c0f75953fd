"""Prediction for one image of any size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_image_segmentation.datasets.decode.images import decode_image
from tf_image_segmentation.inference.crf import CrfParameters, refine
from tf_image_segmentation.inference.options import OVERLAP, PredictionOptions, next_multiple
from tf_image_segmentation.inference.windows import blend_windows
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.models.registry import ModelSpec
from tf_image_segmentation.models.threshold import labels_of_logits, labels_of_probabilities


@dataclass(frozen=True)
class Block:
    """What is predicted for a part of an image; that of a small image is all of it.

    Attributes:
        rows: of the part.
        columns: of the part.
        labels: uint8 [rows, columns], class ids, before any refinement; by the threshold of the
            network, where it has one.
        probabilities: float32 [rows, columns, num_classes], if they were asked for.
        refined: the same after the dense CRF, if one was asked for.
    """

    rows: slice
    columns: slice
    labels: np.ndarray
    probabilities: np.ndarray | None = None
    refined: np.ndarray | None = None


def pad_to_multiple(image: np.ndarray, spec: ModelSpec) -> np.ndarray:
    """Pads [height, width, 3] below and to the right to sides that a model takes.

    The model's normalization turns ``pad_value`` into zeros, so that its first layer sees what is
    beyond any image border.

    Args:
        image: any size and numeric dtype.
        spec: of the model.

    Returns:
        float32 [height, width, 3], sides multiples of ``spec.size_divisor``.
    """
    height, width = image.shape[:2]
    sides = (next_multiple(side, spec.size_divisor) for side in (height, width))
    padded = np.empty((*sides, 3), np.float32)
    padded[:] = spec.pad_value
    padded[:height, :width] = image
    return padded


def _nearest_multiple(side: int, divisor: int) -> int:
    # Half a multiple goes up, as TensorFlow 0.12 rounded; round() would go to the even one.
    return max(1, (side + divisor // 2) // divisor) * divisor


def _labels(network: Network, images: tf.Tensor) -> np.ndarray:
    return labels_of_logits(network(images), network.threshold).numpy()[0]


def _predict_resized(network: Network, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    size = [_nearest_multiple(side, network.spec.size_divisor) for side in (height, width)]
    # Both resizes sample from the top left corner, as TensorFlow 0.12 did.
    resized = tf.compat.v1.image.resize_bilinear(
        image[np.newaxis].astype(np.float32), size, half_pixel_centers=False
    )
    labels = _labels(network, resized)[np.newaxis, ..., np.newaxis]
    restored = tf.compat.v1.image.resize_nearest_neighbor(
        labels, [height, width], half_pixel_centers=False
    )
    return restored.numpy()[0, ..., 0]


ImageOrPath = np.ndarray | str | os.PathLike[str]


def _pixels(network: Network, image: ImageOrPath) -> np.ndarray:
    """Returns the pixels of an image, or of a file mapped as in training."""
    if isinstance(image, str | os.PathLike):
        return decode_image(Path(image), intensity_range=network.intensity_range)
    return np.asarray(image)


def _checked(network: Network, image: np.ndarray) -> np.ndarray:
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image must be [height, width, 3] with pixels in it, got {image.shape}")
    if network.num_classes > 256:
        raise ValueError(f"labels are 8-bit, the network has {network.num_classes} classes")
    return image


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    return tf.image.resize(image, [height, width]).numpy()


def _logits(network: Network, image: np.ndarray, size: tuple[int, int] | None) -> tf.Tensor:
    height, width = image.shape[:2]
    if size is not None:
        logits = network(_resize(image, *size)[np.newaxis])[0]
        return tf.image.resize(logits, [height, width])
    return network(pad_to_multiple(image, network.spec)[np.newaxis])[0, :height, :width]


def _softmax(logits: np.ndarray | tf.Tensor) -> np.ndarray:
    return tf.nn.softmax(logits).numpy()


def _scores(network: Network, image: np.ndarray, options: PredictionOptions) -> np.ndarray:
    """Returns the logits of a single view, of several the mean probabilities."""
    if not options.several:
        return _logits(network, image, options.size).numpy()
    height, width = image.shape[:2]
    total = np.zeros((height, width, network.num_classes), np.float32)
    for scale in options.scales:
        scaled = _resize(image, max(1, round(height * scale)), max(1, round(width * scale)))
        seen = [_softmax(_logits(network, scaled, options.size))]
        if options.flip:
            mirrored = _logits(network, scaled[:, ::-1], options.size)
            seen.append(_softmax(mirrored)[:, ::-1])
        total += sum(_resize(view, height, width) for view in seen) / len(seen)
    return total / len(options.scales)


def _scores_and_refined(
    network: Network, image: np.ndarray, options: PredictionOptions
) -> np.ndarray:
    scores = _scores(network, image, options)
    if options.crf is None:
        return scores
    probabilities = scores if options.several else _softmax(scores)
    return np.concatenate([scores, refine(image, probabilities, options.crf)], axis=-1)


def predict_blocks(
    network: Network, image: np.ndarray, options: PredictionOptions | None = None
) -> Iterator[Block]:
    """Yields the prediction part by part, so that memory is bounded whatever the image's size.

    Args:
        network: any `Network` of at most 256 classes.
        image: [height, width, 3], RGB, 0..255, any size and numeric dtype; uint8 with a CRF, which
            refines a large image window by window.
        options: how it is predicted; None for the defaults.

    Raises:
        ValueError: the image is not [height, width, 3] with at least one pixel, the network has
            more than 256 classes.
        DataError: the side of the windows does not fit the model, or a CRF is asked for, and
            pydensecrf is not installed.
    """
    image = _checked(network, _pixels(network, image))
    options = (options or PredictionOptions()).for_model(network.spec.size_divisor)
    everything = slice(0, image.shape[0]), slice(0, image.shape[1])
    if options.fit == "resize":
        yield Block(*everything, _predict_resized(network, image))
        return
    whole = options.whole(image)
    labels_suffice = not (options.several or options.crf or options.probabilities)
    if options.fit == "pad" and whole and labels_suffice:
        labels = _labels(network, pad_to_multiple(image, network.spec)[np.newaxis])
        yield Block(*everything, labels[: image.shape[0], : image.shape[1]])
        return
    score = partial(_scores_and_refined, network, options=options)
    if whole:
        parts = iter([(*everything, score(image))])
    else:
        assert options.window is not None
        channels = network.num_classes * (2 if options.crf else 1)
        parts = blend_windows(score, image, channels, options.window, options.overlap)
    decide = labels_of_probabilities if options.several else labels_of_logits
    for rows, columns, both in parts:
        scores, refined = both[..., : network.num_classes], both[..., network.num_classes :]
        yield Block(
            rows,
            columns,
            decide(scores, network.threshold).numpy(),
            (scores if options.several else _softmax(scores)) if options.probabilities else None,
            refined if options.crf else None,
        )


def predict_probabilities(
    network: Network,
    image: ImageOrPath,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | None = None,
    overlap: int = OVERLAP,
) -> np.ndarray:
    """Returns the probability of each class, the mean over several views of the image.

    Args:
        network: any `Network` of at most 256 classes.
        image: [height, width, 3], RGB, 0..255, any size and numeric dtype; or the path of a file,
            see `decode_image`, whose 16 bits are mapped as in training.
        scales: see `PredictionOptions`, as for the following ones.
        flip: whether each size is predicted mirrored, too.
        window: side of the windows of large images.
        overlap: of the windows.

    Returns:
        float32 [height, width, num_classes], 0..1.

    Raises:
        ValueError: as `predict_blocks`.
        DataError: as `PredictionOptions` and `predict_blocks`.
    """
    options = PredictionOptions("pad", tuple(scales), flip, window, overlap, probabilities=True)
    image = _pixels(network, image)
    result = np.empty((*image.shape[:2], network.num_classes), np.float32)
    for block in predict_blocks(network, image, options):
        result[block.rows, block.columns] = block.probabilities
    return result


def predict_labels(
    network: Network,
    image: ImageOrPath,
    fit: str = "pad",
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    crf: CrfParameters | None = None,
    window: int | None = None,
    overlap: int = OVERLAP,
) -> np.ndarray:
    """Returns the most probable class of each pixel, or what the network's threshold decides.

    Args:
        network: any `Network` of at most 256 classes.
        image: [height, width, 3], RGB, 0..255, any size and numeric dtype; uint8 with ``crf``; or
            the path of a file, see `decode_image`, whose 16 bits are mapped as in training.
        fit: "pad", "resize" or a size such as "257x257", see `PredictionOptions`, as for the
            following ones.
        scales: sizes whose probabilities are averaged.
        flip: whether each size is predicted mirrored, too.
        crf: refines the probabilities, see `crf.refine`; not with "resize".
        window: side of the windows of large images.
        overlap: of the windows.

    Returns:
        uint8 [height, width], class ids.

    Raises:
        ValueError: as `predict_blocks`.
        DataError: as `PredictionOptions` and `predict_blocks`.
    """
    options = PredictionOptions(fit, tuple(scales), flip, window, overlap, crf)
    image = _pixels(network, image)
    _, labels = join_blocks(image, predict_blocks(network, image, options))
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
