"""Decoding a single record, and what TensorFlow says of one that is damaged, in plain words."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.label_table import LabelTable, map_labels
from tf_image_segmentation.tfrecords.schema import Example, parse_example

READ_ERRORS = (
    tf.errors.DataLossError,
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    UnicodeDecodeError,  # of a message of TensorFlow's that quotes a damaged record
)
"""What reading and decoding a damaged record ends in."""


def parse_record(
    serialized: tf.Tensor,
    record_name: tf.Tensor | str,
    schema: str,
    max_pixels: int,
    label_table: LabelTable | None,
) -> Example:
    """Decodes a record; works eagerly and inside tf.data.

    Args:
        serialized: scalar string.
        record_name: scalar string that names the record in errors.
        schema: see `tfrecords.schema.parse_example`.
        max_pixels: largest height * width that is decoded.
        label_table: what each mask value becomes; None leaves the mask as it is.

    Raises:
        tf.errors.InvalidArgumentError: as `parse_example` and `map_labels`.
    """
    example = parse_example(serialized, schema, record_name=record_name, max_pixels=max_pixels)
    if label_table is None:
        return example
    return example._replace(mask=map_labels(example.mask, label_table, record_name))


@functools.cache
def parser(
    schema: str, max_pixels: int, label_table: LabelTable | None
) -> Callable[[tf.Tensor, tf.Tensor], Example]:
    """Returns `parse_record` as a traced function: tracing it for each file would take longer."""
    string = tf.TensorSpec([], tf.string)

    @tf.function(input_signature=[string, string])
    def parse(serialized: tf.Tensor, record_name: tf.Tensor) -> Example:
        return parse_record(serialized, record_name, schema, max_pixels, label_table)

    return parse.get_concrete_function()


def image_id_text(file: Path, number: int, image_id: bytes) -> str:
    """Returns the image id of record ``number``, or raises a `DataError` if it is no text."""
    try:
        return image_id.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}: record {number}: the name {image_id!r} is not UTF-8; convert again"
        ) from error


def plain_message(error: Exception) -> str:
    """Returns TensorFlow's message without the names of graph nodes."""
    if isinstance(error, UnicodeDecodeError):
        return "damaged, it cannot be parsed"
    message = re.sub(r"\{\{.*?\}\}", "", getattr(error, "message", str(error)))
    message = message.split("\n\t [[")[0].split("[Op:")[0]
    return " ".join(message.split())
