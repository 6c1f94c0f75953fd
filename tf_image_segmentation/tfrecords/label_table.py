"""Label tables: what the mask values of one dataset are called in the classes of another."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tf_image_segmentation.datasets.info import DatasetInfo

# For each mask value 0..255 the value that takes its place, or REFUSED. A tuple, because it is a
# key of a cache.
LabelTable = tuple[int, ...]

REFUSED = -1


def make_label_table(
    part: DatasetInfo, class_map: Mapping[str, str | None], info: DatasetInfo
) -> LabelTable:
    """Returns the table from the mask values of ``part`` to those of ``info``.

    Args:
        part: the dataset whose masks are read.
        class_map: for each class of ``part`` a class of ``info``, or None for pixels to ignore.
        info: the dataset whose classes are wanted; it needs an ignore label only where pixels
            become it.

    Returns:
        256 values. What is neither a class of ``part`` nor its ignore label is `REFUSED`, so that
        a wrong label stays an error whatever the other dataset's labels are.
    """
    number_of = {name: number for number, name in enumerate(info.class_names)}
    ignored = REFUSED if info.ignore_label is None else info.ignore_label
    table = [REFUSED] * 256
    if part.ignore_label is not None:
        table[part.ignore_label] = ignored
    for label, name in enumerate(part.class_names):
        target = class_map[name]
        table[label] = ignored if target is None else number_of[target]
    return tuple(table)


def map_pixels(counts: np.ndarray, table: LabelTable) -> np.ndarray:
    """Returns the pixels of each new label, int64 [256].

    Args:
        counts: pixels of each mask value, int64 [256]; none of a value that the table refuses.
        table: from the old labels to the new ones.
    """
    mapped = np.zeros(256, np.int64)
    present = np.flatnonzero(counts)
    np.add.at(mapped, np.array(table)[present], counts[present])
    return mapped


def map_labels(mask: tf.Tensor, table: LabelTable, record_name: tf.Tensor | str) -> tf.Tensor:
    """Returns a mask with its values replaced; works eagerly and inside tf.data.

    Args:
        mask: uint8 of any shape.
        table: from the old labels to the new ones.
        record_name: scalar string that names the record in errors.

    Raises:
        tf.errors.InvalidArgumentError: the table refuses a value of the mask; the message has all
            of them.
    """
    mapped = tf.gather(tf.constant(table, tf.int16), tf.cast(mask, tf.int32))
    refused = mapped < 0

    def fail() -> tf.Tensor:
        labels = tf.sort(tf.unique(tf.boolean_mask(tf.cast(mask, tf.int32), refused)).y)
        text = tf.strings.reduce_join(tf.strings.as_string(labels), separator=", ")
        rule = ": label ids that are neither a class nor the ignore label: "
        message = tf.strings.join([record_name, rule, text])
        with tf.control_dependencies([tf.debugging.Assert(False, [message])]):
            return tf.constant(False)

    # The ids are only collected when they are needed: this runs for every record.
    check = tf.cond(tf.reduce_any(refused), fail, lambda: tf.constant(True))
    with tf.control_dependencies([check]):
        return tf.cast(mapped, tf.uint8)
