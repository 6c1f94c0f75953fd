"""Compares what an export predicts with what the network predicts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.predict import pad_to_multiple
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.models.threshold import labels_of_logits

# Takes an image, uint8 [height, width, 3], and returns the labels, uint8 [height, width], and the
# probabilities, float32 [height, width, num_classes].
Prediction = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class TimedResults:
    """What a prediction gave for each image, and the median of how long it took."""

    results: list[tuple[np.ndarray, np.ndarray]]
    milliseconds: float


@dataclass(frozen=True)
class Check:
    """How an export, or the network in another type, compares with the network.

    Attributes:
        equal_labels: percent of all pixels that have the label that the network gives; for an
            export, the network computed in the same type.
        max_difference: largest difference of a probability from the network's.
        as_evaluated: percent of all pixels that have the label that the network gives in the type
            that it was trained and is evaluated in.
        milliseconds: median of the times of the images.
        num_bytes: size of the file or folder, 0 for the network.
    """

    equal_labels: float
    max_difference: float
    as_evaluated: float
    milliseconds: float
    num_bytes: int = 0


@dataclass(frozen=True)
class Limits:
    """How far an export may be from the network.

    Attributes:
        min_equal: least percent of equal labels of a format that computes in floating point.
        max_difference: largest difference of a probability there. Of 8-bit weights it is not
            limited: at the border of two classes it can be anything.
        min_equal_int8: least percent of equal labels with 8-bit weights.

    Raises:
        DataError: a percentage is not 0..100, or the difference is not 0..1.
    """

    min_equal: float = 99.9
    max_difference: float = 0.01
    min_equal_int8: float = 95.0

    def __post_init__(self) -> None:
        if not (0 <= self.min_equal <= 100 and 0 <= self.min_equal_int8 <= 100):
            raise DataError(
                "the least shares of equal labels must be 0..100 percent, got "
                f"{self.min_equal:g} (--min-equal) and {self.min_equal_int8:g} (--min-equal-int8)"
            )
        if not 0 <= self.max_difference <= 1:
            raise DataError(
                "the largest difference of a probability (--max-difference) must be 0..1, got "
                f"{self.max_difference:g}"
            )

    def faults(self, check: Check, quantized: bool) -> list[str]:
        """Returns what is beyond the limits, in words."""
        least = self.min_equal_int8 if quantized else self.min_equal
        option = "--min-equal-int8" if quantized else "--min-equal"
        found = []
        # Turned round, NaN would pass.
        if not check.equal_labels >= least:
            found.append(
                f"{check.equal_labels:.3f}% of the labels are the network's, at least {least:g}% "
                f"must be ({option})"
            )
        if not quantized and not check.max_difference <= self.max_difference:
            found.append(
                f"a probability is off by {check.max_difference:.3g}, at most "
                f"{self.max_difference:g} is allowed (--max-difference)"
            )
        return found


def network_prediction(network: Network) -> Prediction:
    """Returns the prediction of a network for one image, predicted whole."""

    def predict(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        height, width = image.shape[:2]
        logits = network(pad_to_multiple(image, network.spec)[np.newaxis])[0, :height, :width]
        labels = labels_of_logits(logits, network.threshold)
        return labels.numpy(), tf.nn.softmax(logits).numpy()

    return predict


def run(predict: Prediction, images: Sequence[np.ndarray]) -> TimedResults:
    """Predicts all images; the first one twice, because a first call prepares things."""
    predict(images[0])
    results, seconds = [], []
    for image in images:
        start = time.perf_counter()
        results.append(predict(image))
        seconds.append(time.perf_counter() - start)
    return TimedResults(results, 1000 * float(np.median(seconds)))


def compare(
    found: TimedResults, expected: TimedResults, evaluated: TimedResults, num_bytes: int = 0
) -> Check:
    """Compares results with those of the network in the same type, and in the evaluated one."""
    pairs = zip(found.results, expected.results, strict=True)
    differences = [_difference(ours[1], theirs[1]) for ours, theirs in pairs]
    return Check(
        _percent_equal(found, expected),
        float(np.max(differences)),  # unlike max(), keeps NaN
        _percent_equal(found, evaluated),
        found.milliseconds,
        num_bytes,
    )


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.shape != theirs.shape:
        return math.inf
    return float(np.max(np.abs(ours - theirs)))


def _percent_equal(found: TimedResults, expected: TimedResults) -> float:
    """Labels of another shape than they should have are all wrong."""
    equal = pixels = 0
    for (ours, _), (theirs, _) in zip(found.results, expected.results, strict=True):
        pixels += theirs.size
        if ours.shape == theirs.shape:
            equal += int(np.count_nonzero(ours == theirs))
    return 100 * equal / pixels
