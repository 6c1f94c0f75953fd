"""The decision threshold of a model of two classes, which takes the place of the argmax.

A class that few pixels have, such as a vessel, is often found best from another probability than
0.5 on. The threshold is chosen on images that were held out of training, and kept with the model.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
import tensorflow as tf


class Threshold(msgspec.Struct, frozen=True):
    """From which probability on a pixel is of a class, and of the other one below.

    Attributes:
        label: the class, 0 or 1.
        probability: above 0, below 1; 0.5 gives what the argmax gives.
        chosen_on: what it was chosen on, in words.
    """

    label: Annotated[int, msgspec.Meta(ge=0, le=1)]
    probability: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    chosen_on: str = ""


def labels_of_logits(logits: tf.Tensor | np.ndarray, threshold: Threshold | None) -> tf.Tensor:
    """Returns the classes, uint8 [..., height, width].

    Args:
        logits: float32 [..., height, width, num_classes] of at most 256 classes, 2 with a
            threshold.
        threshold: None takes the class of the highest logit.
    """
    if threshold is None:
        return tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.uint8)
    return labels_of_probabilities(tf.nn.softmax(logits), threshold)


def labels_of_probabilities(
    probabilities: tf.Tensor | np.ndarray, threshold: Threshold | None
) -> tf.Tensor:
    """Returns the classes as `labels_of_logits` does, from probabilities in 0..1."""
    if threshold is None:
        return labels_of_logits(probabilities, None)
    found = probabilities[..., threshold.label] >= threshold.probability
    # The other class is 1 - label; a cast of booleans is an operation of every export format.
    return tf.cast(found if threshold.label == 1 else tf.logical_not(found), tf.uint8)
