"""What a record holds, and what reading refuses before anything is decoded."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_records import raw_record
from tiny_records import jpeg_bytes

from tf_image_segmentation.datasets.decode.images import CheckedSample
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.schema import detect_schema, encode_example, parse_example

MASK = (np.arange(12 * 17, dtype=np.uint8) % 21).reshape(12, 17)


def sample(image: bytes | None = None, image_format: str = "jpeg") -> CheckedSample:
    return CheckedSample("2007_ünï 1", image or jpeg_bytes(12, 17), image_format, 12, 17, MASK)


def png_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def edited(**values: int | bytes) -> bytes:
    """A good record with some features replaced; "__" stands for "/"."""
    example = tf.train.Example.FromString(encode_example(sample()))
    for key, value in values.items():
        feature = example.features.feature[key.replace("__", "/")]
        if isinstance(value, int):
            feature.int64_list.value[:] = [value]
        else:
            feature.bytes_list.value[:] = [value]
    return example.SerializeToString()


def parse_in_tf_data(record: bytes, schema: str = "encoded") -> None:
    dataset = tf.data.Dataset.from_tensors(record)
    list(dataset.map(lambda r: parse_example(r, schema, record_name="a.tfrecord#7")))


def refuses(record: bytes, words: str, schema: str = "encoded") -> None:
    for parse in (parse_in_tf_data, lambda r, s: parse_example(r, s, record_name="a.tfrecord#7")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            parse(record, schema)


def test_keys_values_and_original_image_bytes() -> None:
    example = tf.train.Example.FromString(encode_example(sample(jpeg_bytes(12, 17))))
    feature = example.features.feature
    assert set(feature) == {
        "image/encoded",
        "image/format",
        "image/filename",
        "image/height",
        "image/width",
        "image/channels",
        "image/segmentation/class/encoded",
        "image/segmentation/class/format",
    }
    assert feature["image/encoded"].bytes_list.value[0] == jpeg_bytes(12, 17)
    assert feature["image/format"].bytes_list.value[0] == b"jpeg"
    assert feature["image/filename"].bytes_list.value[0].decode() == "2007_ünï 1"
    sizes = [feature[f"image/{key}"].int64_list.value[0] for key in ("height", "width", "channels")]
    assert sizes == [12, 17, 3]
    mask = Image.open(io.BytesIO(feature["image/segmentation/class/encoded"].bytes_list.value[0]))
    assert mask.mode == "L"
    np.testing.assert_array_equal(np.asarray(mask), MASK)
    assert feature["image/segmentation/class/format"].bytes_list.value[0] == b"png"


def test_jpeg_is_decoded_as_pillow_does() -> None:
    example = parse_example(tf.constant(encode_example(sample())))
    expected = np.asarray(Image.open(io.BytesIO(jpeg_bytes(12, 17))))
    np.testing.assert_array_equal(example.image, expected)
    np.testing.assert_array_equal(example.mask, MASK)
    assert example.image_id.numpy().decode() == "2007_ünï 1"


def test_png_image_round_trip() -> None:
    image = np.random.default_rng(0).integers(0, 256, (12, 17, 3), np.uint8)
    example = parse_example(tf.constant(encode_example(sample(png_bytes(image), "png"))))
    np.testing.assert_array_equal(example.image, image)


def test_static_shapes_and_dtypes_in_tf_data() -> None:
    dataset = tf.data.Dataset.from_tensors(encode_example(sample())).map(parse_example)
    image, mask, image_id = dataset.element_spec
    assert (image.shape.as_list(), image.dtype) == ([None, None, 3], tf.uint8)
    assert (mask.shape.as_list(), mask.dtype) == ([None, None], tf.uint8)
    assert image_id.dtype == tf.string


@pytest.mark.parametrize(("height", "width"), [(-1, 17), (0, 17), (12, 2**62), (2**20, 2**20)])
def test_hostile_sizes_are_refused(height: int, width: int) -> None:  # fault 38
    refuses(edited(image__height=height, image__width=width), "not in the limits: positive")
    refuses(raw_record(height, width, b"", b""), "not in the limits: positive", "raw")


def test_size_that_contradicts_the_image_is_refused() -> None:  # fault 38
    refuses(edited(image__height=17, image__width=12), "a.tfrecord#7: the image is 12x17 but the")
    refuses(edited(image__encoded=jpeg_bytes(13, 17)), "the image is 13x17 but the record says 12x")


def test_size_that_contradicts_the_mask_is_refused() -> None:  # fault 38
    wrong = png_bytes(np.zeros((17, 12), np.uint8))
    refuses(edited(image__segmentation__class__encoded=wrong), "the mask is 17x12 but the record")


def test_palette_and_16_bit_masks_are_refused() -> None:  # fault 12
    palette = Image.fromarray(MASK).convert("P")
    buffer = io.BytesIO()
    palette.save(buffer, "PNG")
    for mask in (buffer.getvalue(), png_bytes(MASK.astype(np.uint16))):
        refuses(edited(image__segmentation__class__encoded=mask), "not a single-channel 8-bit PNG")


@pytest.mark.parametrize("junk", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" * 2])
def test_junk_instead_of_images_is_refused(junk: bytes) -> None:
    refuses(edited(image__encoded=junk), "damaged image")
    refuses(edited(image__segmentation__class__encoded=junk), "damaged mask")


def test_truncated_jpeg_is_refused() -> None:
    refuses(edited(image__encoded=jpeg_bytes(12, 17)[:-40]), "Invalid JPEG data")


def test_raw_record_with_wrong_number_of_bytes_is_refused() -> None:  # fault 38
    refuses(raw_record(2, 2, bytes(11), bytes(4)), "image_raw has 11 bytes .* want 12", "raw")
    refuses(raw_record(2, 2, bytes(12), bytes(16)), "mask_raw has 16 bytes .* want 4", "raw")


def test_missing_feature_is_named() -> None:  # fault 37
    example = tf.train.Example.FromString(encode_example(sample()))
    del example.features.feature["image/segmentation/class/encoded"]
    record = example.SerializeToString()
    with pytest.raises(DataError, match=r"x\.tfrecord: missing features: found \['image/channels'"):
        detect_schema(record, "x.tfrecord")
    with pytest.raises(DataError, match=r"wanted .*'image/segmentation/class/encoded'.*mask_raw"):
        detect_schema(record, "x.tfrecord")
    refuses(record, "image/segmentation/class/encoded")


def test_not_an_example() -> None:  # fault 37
    with pytest.raises(DataError, match=r"x: not a tf\.train\.Example"):
        detect_schema(b"\xff\xff\xff", "x")
