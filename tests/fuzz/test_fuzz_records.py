"""Mutated records, manifests and inputs of a conversion: all of it comes out, or a named error."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume
from hypothesis import strategies as st
from mutations import EDGES, edited, fuzz, mutated, outcome, tree
from seeds import HEIGHT, IMAGES, INFO, MASKS, PHOTO, WIDTH, encoded, with_png_checksums

from tf_image_segmentation.datasets import Sample
from tf_image_segmentation.tfrecords import convert, open_records
from tf_image_segmentation.tfrecords.files import frames, masked_crc32c

SHARD = "train-00000-of-00002.tfrecord"
ExampleList = list[tuple[np.ndarray, np.ndarray, str]]


def write_samples(folder: Path, images: list[bytes], mask: bytes = MASKS["index"]) -> list[Sample]:
    folder.mkdir(exist_ok=True)
    samples = []
    for number, image in enumerate(images):
        sample = Sample(f"s{number}", folder / f"s{number}.img", folder / f"s{number}.png")
        sample.image.write_bytes(image)
        sample.mask.write_bytes(mask)
        samples.append(sample)
    return samples


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four records of 9 x 12 pixels in two files."""
    folder = tmp_path_factory.mktemp("fuzz")
    images = [encoded(PHOTO, "JPEG"), encoded(PHOTO, "PNG"), encoded(255 - PHOTO, "PNG")]
    splits = {"train": write_samples(folder / "data", [*images, images[0]])}
    convert(INFO, splits, folder / "records", num_shards=2, workers=1, progress=False)
    return folder / "records"


@pytest.fixture(scope="module")
def originals(records: Path) -> ExampleList:
    return read_all(records)


@pytest.fixture
def copy(records: Path) -> Path:
    """A copy of the records, which each example of a test damages and mends again."""
    folder = records.with_name("copy")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(records, folder)
    return folder


def read_all(path: Path) -> ExampleList:
    """Opens, reads and checks all; what is read is counted, and of the right form."""
    opened = open_records(path)
    shards = range(len(opened.files))
    examples = [example for shard in shards for example in opened.checked_examples(shard)]
    assert len(examples) == opened.num_examples > 0
    for image, mask, image_id in examples:
        assert image.dtype == mask.dtype == np.uint8 and isinstance(image_id, str)
        assert image.shape == (*mask.shape, 3) and mask.size > 0
    return examples


def is_among(example: tuple, originals: ExampleList) -> bool:
    return any(
        example[2] == image_id and (example[0] == image).all() and (example[1] == mask).all()
        for image, mask, image_id in originals
    )


def framed(record: bytes) -> bytes:
    length = struct.pack("<Q", len(record))
    checks = [struct.pack("<I", masked_crc32c(part)) for part in (length, record)]
    return length + checks[0] + record + checks[1]


def payloads(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    return (data[start : start + length] for start, length in frames(path))


@fuzz(8, data=st.data())
def test_shards_of_a_manifest(
    records: Path, originals: ExampleList, copy: Path, data: st.DataObject
) -> None:
    original = (records / SHARD).read_bytes()
    (copy / SHARD).write_bytes(data.draw(mutated({"shard": original})))
    found = outcome(lambda: read_all(copy), copy / SHARD)
    if found is not None:
        assert (copy / SHARD).read_bytes() == original
        assert len(found) == len(originals)


@fuzz(8, length=st.sampled_from([*EDGES, 2**33, 2**40, 2**63, 2**64 - 1]) | st.integers(0, 2000))
def test_records_that_lie_about_their_length(records: Path, copy: Path, length: int) -> None:
    # Of the same size and with the right checksum: only 12 bytes at the second record are others.
    original = (records / SHARD).read_bytes()
    start = [start for start, _ in frames(records / SHARD)][1] - 12
    header = struct.pack("<Q", length)
    assume(header != original[start : start + 8])  # which would be the truth
    header += struct.pack("<I", masked_crc32c(header))
    (copy / SHARD).write_bytes(original[:start] + header + original[start + 12 :])
    assert outcome(lambda: read_all(copy), copy / SHARD) is None


@fuzz(15, data=st.data())
def test_manifests(records: Path, originals: ExampleList, copy: Path, data: st.DataObject) -> None:
    text = (records / "manifest.json").read_bytes()
    (copy / "manifest.json").write_bytes(data.draw(mutated({"manifest": text})))
    found = outcome(lambda: read_all(copy), copy)
    if found is not None:
        assert len(found) == len(originals)
        assert all(is_among(example, originals) for example in found)


@fuzz(12, data=st.data())
def test_files_without_a_manifest(
    records: Path, originals: ExampleList, data: st.DataObject
) -> None:
    path = records.parent / "alone.tfrecord"
    path.write_bytes(data.draw(mutated({"shard": (records / SHARD).read_bytes()})))
    found = outcome(lambda: read_all(path), path)
    if found is not None:
        # A cut between two records leaves a whole file; deleting or doubling one does as well.
        assert path.read_bytes() == b"".join(framed(record) for record in payloads(path))
        assert all(is_among(example, originals) for example in found)


@fuzz(15, data=st.data())
def test_payloads_with_right_checksums(records: Path, data: st.DataObject) -> None:
    path = records.parent / "alone.tfrecord"
    first, second = payloads(records / SHARD)
    for _ in range(data.draw(st.integers(1, 3))):
        second = data.draw(edited(second))
    path.write_bytes(framed(first) + framed(second))
    found = outcome(lambda: read_all(path), path)
    assert found is None or len(found) == 2


def raw_seed() -> bytes:
    def feature(value: int | bytes) -> tf.train.Feature:
        if isinstance(value, int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    values = {"height": 3, "width": 4, "image_raw": bytes(range(36)), "mask_raw": bytes(12)}
    features = tf.train.Features(feature={key: feature(value) for key, value in values.items()})
    return tf.train.Example(features=features).SerializeToString(deterministic=True)


@fuzz(12, record=mutated({"raw": raw_seed()}))
def test_classic_payloads_with_right_checksums(records: Path, record: bytes) -> None:
    path = records.parent / "classic.tfrecords"
    path.write_bytes(framed(raw_seed()) + framed(record))
    found = outcome(lambda: read_all(path), path)
    assert found is None or len(found) == 2


@fuzz(20, image=mutated(IMAGES), mask=st.just(MASKS["index"]) | mutated(MASKS), skip=st.booleans())
def test_conversions(records: Path, image: bytes, mask: bytes, skip: bool) -> None:
    work = records.with_name("work")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    image = with_png_checksums(image) if image[:4] == b"\x89PNG" else image
    samples = write_samples(work / "data", [encoded(PHOTO, "PNG"), image])
    samples[1].mask.write_bytes(mask)
    before = tree(work)
    manifest = outcome(
        lambda: convert(
            *(INFO, {"train": samples}, work / "out"),
            **{"workers": 1, "skip_bad": skip, "progress": False, "max_pixels": 10**6},
        ),
        *(samples[1].image, samples[1].mask),
    )
    if manifest is None:
        assert tree(work) == before and not skip
        return
    split = manifest.splits["train"]
    assert split.examples + len(split.skipped) == 2 and set(split.skipped) <= {"s1"}
    found = read_all(work / "out")
    assert len(found) == split.examples
    assert all(mask.shape == (HEIGHT, WIDTH) for _, mask, _ in found)
    assert {name for name in tree(work) if not name.startswith("out")} == set(before)
