"""Walking record files without TensorFlow finds what TensorFlow passes over."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.files import count_records, first_record, masked_crc32c

RECORDS = [b"first", b"x" * 376, b"", b"last one"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in RECORDS:
            writer.write(record)
    return path


def test_crc32c_of_the_standard_check_value() -> None:
    crc = 0xE3069283  # CRC-32C of "123456789" (RFC 3720)
    assert masked_crc32c(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


def test_counts_what_tensorflow_wrote(file: Path) -> None:
    assert count_records(file) == len(RECORDS)
    assert first_record(file) == b"first"


def test_a_length_that_looks_like_a_zlib_header(tmp_path: Path) -> None:
    # 0x0178 is 376, whose two bytes are those that a zlib stream starts with.
    path = tmp_path / "b.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"x" * 376)
    assert path.read_bytes()[:2] == b"\x78\x01"
    assert count_records(path) == 1


def test_every_truncation_but_at_a_boundary_is_found(file: Path) -> None:  # faults 33, 34
    content = file.read_bytes()
    boundaries, position = {0: 0}, 0
    for number, record in enumerate(RECORDS, start=1):
        position += 16 + len(record)
        boundaries[position] = number
    for length in range(1, len(content)):
        file.write_bytes(content[:length])
        if length in boundaries:
            assert count_records(file) == boundaries[length]
        else:
            number = max(count for start, count in boundaries.items() if start < length)
            with pytest.raises(
                DataError, match=rf"a\.tfrecord: truncated.*inside record {number};"
            ):
                count_records(file)


def test_empty_file(tmp_path: Path) -> None:  # fault 34
    path = tmp_path / "empty.tfrecord"
    path.touch()
    with pytest.raises(DataError, match=r"empty\.tfrecord: empty file, no records"):
        count_records(path)


def test_flipped_bit_in_a_length(file: Path) -> None:  # fault 33
    content = bytearray(file.read_bytes())
    content[16 + len(RECORDS[0])] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.tfrecord: record 1: damaged header"):
        count_records(file)


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_compressed_file(file: Path, compress: object) -> None:  # fault 35
    file.write_bytes(compress(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(DataError, match=r"a\.tfrecord: compressed; decompress it first"):
        count_records(file)


def test_another_format(file: Path) -> None:  # fault 35
    file.write_text("<html><body>Not found, and quite long</body></html>")
    with pytest.raises(DataError, match=r"a\.tfrecord: not a TFRecord file"):
        count_records(file)
