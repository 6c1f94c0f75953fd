"""How one example is stored in a record, and how it is taken out again as a TensorFlow graph.

Two schemas are known. ``"encoded"`` holds the compressed image and mask, under the keys that
DeepLab's converters use, too. ``"raw"`` is the classic one: raw bytes of
both, and their height and width.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_image_segmentation.datasets.class_map import LabelTable
from tf_image_segmentation.datasets.decode.encoding import EncodedSample, encode_checked
from tf_image_segmentation.datasets.decode.images import MAX_PIXELS, CheckedSample
from tf_image_segmentation.errors import DataError

IMAGE_ENCODED = "image/encoded"
IMAGE_FORMAT = "image/format"
IMAGE_FILENAME = "image/filename"
IMAGE_HEIGHT = "image/height"
IMAGE_WIDTH = "image/width"
IMAGE_CHANNELS = "image/channels"
MASK_ENCODED = "image/segmentation/class/encoded"
MASK_FORMAT = "image/segmentation/class/format"

RAW_HEIGHT, RAW_WIDTH, RAW_IMAGE, RAW_MASK = "height", "width", "image_raw", "mask_raw"

# What reading needs; the other keys are for other programs.
_FEATURES = {
    "encoded": {
        IMAGE_ENCODED: tf.string,
        IMAGE_FILENAME: tf.string,
        IMAGE_HEIGHT: tf.int64,
        IMAGE_WIDTH: tf.int64,
        MASK_ENCODED: tf.string,
    },
    "raw": {RAW_HEIGHT: tf.int64, RAW_WIDTH: tf.int64, RAW_IMAGE: tf.string, RAW_MASK: tf.string},
}

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_BYTES = 33
_INDEX_PNG = (8, 0)  # bit depth, color type "gray"
_JPEG_START = b"\xff\xd8"


class Example(NamedTuple):
    """One decoded example.

    Attributes:
        image: RGB, uint8 [height, width, 3].
        mask: class ids and the ignore label, uint8 [height, width].
        image_id: string; for the raw schema, made from the file name and the position.
    """

    image: tf.Tensor
    mask: tf.Tensor
    image_id: tf.Tensor


def encode_example(sample: CheckedSample) -> bytes:
    """Returns the record of a checked sample; the image's bytes go in as they are."""
    return serialize(encode_checked(sample))


def serialize(sample: EncodedSample) -> bytes:
    """Returns the record of an encoded sample."""
    features = {
        IMAGE_ENCODED: _bytes(sample.encoded_image),
        IMAGE_FORMAT: _bytes(sample.image_format.encode()),
        IMAGE_FILENAME: _bytes(sample.image_id.encode()),
        IMAGE_HEIGHT: _int64(sample.height),
        IMAGE_WIDTH: _int64(sample.width),
        IMAGE_CHANNELS: _int64(3),
        MASK_ENCODED: _bytes(sample.encoded_mask),
        MASK_FORMAT: _bytes(b"png"),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # A protocol buffer map has no order of its own; without this the bytes could differ.
    return example.SerializeToString(deterministic=True)


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _int64(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def detect_schema(serialized: bytes, name: str) -> str:
    """Returns ``"encoded"`` or ``"raw"`` for a record.

    Args:
        serialized: the record.
        name: what to call it in messages.

    Raises:
        DataError: it is no ``tf.train.Example``, or lacks features of both schemas.
    """
    try:
        found = set(tf.train.Example.FromString(serialized).features.feature)
    except Exception as error:  # google.protobuf is no dependency of ours, so no name to catch.
        raise DataError(f"{name}: not a tf.train.Example; convert the dataset again") from error
    for schema, features in _FEATURES.items():
        if found.issuperset(features):
            return schema
    wanted = " or ".join(str(sorted(features)) for features in _FEATURES.values())
    raise DataError(
        f"{name}: missing features: found {sorted(found)}, wanted {wanted}; convert the dataset "
        "again with this program"
    )


def parse_example(
    serialized: tf.Tensor,
    schema: str = "encoded",
    *,
    record_name: tf.Tensor | str = "",
    max_pixels: int = MAX_PIXELS,
    label_table: LabelTable | None = None,
) -> Example:
    """Takes an example out of a record; works eagerly and inside tf.data.

    Sizes are checked against limits, image headers and numbers of bytes before anything is decoded.

    Args:
        serialized: scalar string, one record.
        schema: ``"encoded"`` or ``"raw"``.
        record_name: scalar string that names the record in errors; the image id of a raw record.
        max_pixels: largest height times width.
        label_table: what each mask value becomes; None leaves the mask as it is.

    Raises:
        tf.errors.InvalidArgumentError: the record contradicts itself, cannot be decoded, or its
            mask has values that the table refuses (the message has all of them).
    """
    wanted = {key: tf.io.FixedLenFeature([], dtype) for key, dtype in _FEATURES[schema].items()}
    features = tf.io.parse_single_example(serialized, wanted, example_names=record_name)
    parse = {"encoded": _parse_encoded, "raw": _parse_raw}[schema]
    example = parse(features, tf.convert_to_tensor(record_name), max_pixels)
    if label_table is None:
        return example
    return example._replace(mask=map_labels(example.mask, label_table, record_name))


def _parse_encoded(features: dict[str, Any], name: tf.Tensor, max_pixels: int) -> Example:
    size = _checked_size(features[IMAGE_HEIGHT], features[IMAGE_WIDTH], max_pixels, name)
    encoded_image, encoded_mask = features[IMAGE_ENCODED], features[MASK_ENCODED]
    is_jpeg = tf.equal(tf.strings.substr(encoded_image, 0, 2), _JPEG_START)
    image_size = tf.cond(
        is_jpeg,
        lambda: tf.cast(tf.io.extract_jpeg_shape(encoded_image)[:2], tf.int64),
        lambda: _png_header(encoded_image, "image (neither JPEG nor PNG)", name)[0],
    )
    mask_size, mask_type = _png_header(encoded_mask, "mask (no PNG)", name)
    checks = [
        _require_size(image_size, size, "image", name),
        _require_size(mask_size, size, "mask", name),
        # TensorFlow would turn the ids of a palette PNG into gray levels.
        _require(
            tf.reduce_all(mask_type == _INDEX_PNG),
            [name, ": the mask is not a single-channel 8-bit PNG without a palette"],
        ),
    ]
    with tf.control_dependencies(checks):
        encoded_image, encoded_mask = tf.identity(encoded_image), tf.identity(encoded_mask)
    image = tf.cond(
        is_jpeg,
        # The accurate transform gives the pixels that Pillow gives; the default one does not.
        lambda: tf.io.decode_jpeg(encoded_image, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_png(encoded_image, channels=3),
    )
    mask = tf.io.decode_png(encoded_mask, channels=1)
    image = tf.ensure_shape(image, [None, None, 3])
    return Example(image, tf.squeeze(mask, axis=-1), features[IMAGE_FILENAME])


def _parse_raw(features: dict[str, Any], name: tf.Tensor, max_pixels: int) -> Example:
    size = _checked_size(features[RAW_HEIGHT], features[RAW_WIDTH], max_pixels, name)
    pixels = tf.reduce_prod(size)
    checks = [
        _require_bytes(features[RAW_IMAGE], 3 * pixels, RAW_IMAGE, name),
        _require_bytes(features[RAW_MASK], pixels, RAW_MASK, name),
    ]
    with tf.control_dependencies(checks):
        raw_image, raw_mask = tf.identity(features[RAW_IMAGE]), tf.identity(features[RAW_MASK])
    image = tf.io.decode_raw(raw_image, tf.uint8)
    mask = tf.io.decode_raw(raw_mask, tf.uint8)
    image = tf.reshape(image, tf.concat([size, [3]], axis=0))
    return Example(tf.ensure_shape(image, [None, None, 3]), tf.reshape(mask, size), name)


def map_labels(mask: tf.Tensor, table: LabelTable, name: tf.Tensor | str) -> tf.Tensor:
    """Returns a mask with its values replaced; works eagerly and inside tf.data.

    Args:
        mask: uint8 of any shape.
        table: from the old labels to the new ones.
        name: scalar string that names the record in errors.

    Raises:
        tf.errors.InvalidArgumentError: the table refuses a value of the mask.
    """
    mapped = tf.gather(tf.constant(table, tf.int16), tf.cast(mask, tf.int32))

    def refused() -> tf.Tensor:
        labels = tf.sort(tf.unique(tf.boolean_mask(tf.cast(mask, tf.int32), mapped < 0)).y)
        return tf.strings.reduce_join(tf.strings.as_string(labels), separator=", ")

    rule = ": label ids that are neither a class nor the ignore label: "
    check = _require(tf.reduce_all(mapped >= 0), [name, rule, refused])
    with tf.control_dependencies([check]):
        return tf.cast(mapped, tf.uint8)


def _checked_size(
    height: tf.Tensor, width: tf.Tensor, max_pixels: int, name: tf.Tensor
) -> tf.Tensor:
    """Returns int64 [height, width], once both are positive and their product is in bounds."""
    size = tf.stack([height, width])
    # Each side is bounded first, so that the product cannot overflow.
    sides = tf.reduce_all((size > 0) & (size <= max_pixels))
    in_bounds = sides & (tf.where(sides, height * width, 0) <= max_pixels)
    message = [
        name,
        ": height ",
        height,
        " and width ",
        width,
        " are not in the limits: positive, ",
    ]
    check = _require(in_bounds, [*message, f"at most {max_pixels} pixels"])
    with tf.control_dependencies([check]):
        return tf.identity(size)


def _png_header(encoded: tf.Tensor, what: str, name: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns int64 [height, width] and uint8 [bit depth, color type] of a PNG's first chunk."""
    is_png = (tf.strings.length(encoded) > _PNG_HEADER_BYTES) & tf.equal(
        tf.strings.substr(encoded, 0, len(_PNG_SIGNATURE)), _PNG_SIGNATURE
    )
    with tf.control_dependencies([_require(is_png, [name, f": damaged {what}"])]):
        header = tf.strings.substr(encoded, 16, 10)
    numbers = tf.io.decode_raw(header, tf.uint8)
    sides = tf.reshape(tf.cast(numbers[:8], tf.int64), [2, 4])  # width, height, big-endian
    size = tf.reverse(tf.reduce_sum(sides * [1 << 24, 1 << 16, 1 << 8, 1], axis=1), axis=[0])
    return size, numbers[8:]


def _require_size(found: tf.Tensor, wanted: tf.Tensor, what: str, name: tf.Tensor) -> Any:
    return _require(
        tf.reduce_all(found == wanted),
        [
            *(name, f": the {what} is ", found[0], "x", found[1]),
            *(" but the record says ", wanted[0], "x", wanted[1], " (height x width)"),
        ],
    )


def _require_bytes(data: tf.Tensor, wanted: tf.Tensor, what: str, name: tf.Tensor) -> Any:
    found = tf.cast(tf.strings.length(data), tf.int64)
    message = [f": {what} has ", found, " bytes but height and width want ", wanted, " (uint8)"]
    return _require(tf.equal(found, wanted), [name, *message])


def _require(condition: tf.Tensor, message: list[Any]) -> Any:
    """Returns a check to put into `tf.control_dependencies`; eagerly, it raises at once."""

    def fail() -> tf.Tensor:
        found = [part() if callable(part) else part for part in message]
        parts = [part if _is_text(part) else tf.strings.as_string(part) for part in found]
        with tf.control_dependencies([tf.debugging.Assert(False, [tf.strings.join(parts)])]):
            return tf.constant(False)

    # The message is only put together when it is needed: this runs for every record.
    return tf.cond(condition, lambda: tf.constant(True), fail)


def _is_text(part: Any) -> bool:
    return isinstance(part, str) or part.dtype == tf.string
