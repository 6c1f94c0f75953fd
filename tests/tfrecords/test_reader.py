"""Opening and reading records: what comes back, and what is refused."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_records import raw_record
from tiny_records import jpeg_bytes

from tf_image_segmentation.atomic import restore
from tf_image_segmentation.datasets.decode.images import CheckedSample
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords import encode_example, open_records, read_examples
from tf_image_segmentation.tfrecords.files import masked_crc32c
from tf_image_segmentation.tfrecords.manifest import file_sha256

Classic = tuple[Path, list[tuple[np.ndarray, np.ndarray]]]


def shard(folder: Path, name: str = "train-00001-of-00002.tfrecord") -> Path:
    return folder / name


def flip_bit(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 4
    path.write_bytes(content)


def edit_manifest(folder: Path, edit: Any) -> None:
    path = folder / "manifest.json"
    fields = json.loads(path.read_text())
    edit(fields)
    path.write_text(json.dumps(fields))


def write(path: Path, *records: bytes) -> Path:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


def test_examples_come_back_as_pillow_reads_the_files(
    records_folder: Path, splits: dict[str, list[Sample]]
) -> None:
    samples = {sample.image_id: sample for sample in [*splits["train"], *splits["val"]]}
    for image, mask, image_id in read_examples(records_folder):
        sample = samples.pop(image_id)
        np.testing.assert_array_equal(image, np.asarray(Image.open(sample.image)))
        np.testing.assert_array_equal(mask, np.asarray(Image.open(sample.mask)))
        assert (image.dtype, mask.dtype) == (np.uint8, np.uint8)
    assert not samples


def test_folder_file_and_pattern(records_folder: Path, info: DatasetInfo) -> None:
    both, val = open_records(records_folder), open_records(records_folder, "val")
    assert (both.num_examples, val.num_examples) == (8, 3)
    assert [shard.examples for shard in both.shards] == [2, 3, 1, 2]
    assert [file.name for file in val.files] == [f"val-0000{n}-of-00002.tfrecord" for n in (0, 1)]
    one = open_records(str(shard(records_folder)))
    pattern = open_records(f"{records_folder}/train-*")
    assert (one.num_examples, pattern.num_examples) == (3, 5)
    for records in (both, val, one, pattern):
        assert (records.schema, records.info) == ("encoded", info)
    # Away from its manifest a file is counted record by record.
    moved = shutil.copy(shard(records_folder), records_folder.parent / "moved.tfrecord")
    assert (open_records(moved).num_examples, open_records(moved).info) == (3, None)


def test_folder_whose_name_looks_like_a_pattern(records_folder: Path) -> None:
    renamed = records_folder.rename(records_folder.with_name("records [1]*"))
    assert open_records(renamed, "val").num_examples == 3


def test_verify_counts_pixels(records_folder: Path, splits: dict[str, list[Sample]]) -> None:
    masks = np.concatenate([np.asarray(Image.open(s.mask)).ravel() for s in splits["val"]])
    expected = [int((masks == value).sum()) for value in range(256)]
    assert open_records(records_folder, "val").verify().tolist() == expected


def test_dataset_names_records(records_folder: Path) -> None:
    records = open_records(records_folder, "train")
    names = [name.decode() for _, name in records.dataset(1).as_numpy_iterator()]
    assert names == [f"train-00001-of-00002.tfrecord#00000{n}" for n in range(3)]
    assert len(list(records.dataset())) == 5


def test_classic_file_equals_the_arrays(classic_file: Classic) -> None:  # fault 37
    path, expected = classic_file
    records = open_records(path)
    assert (records.schema, records.num_examples, records.info) == ("raw", 3, None)
    for number, (image, mask, image_id) in enumerate(records.examples()):
        np.testing.assert_array_equal(image, expected[number][0])
        np.testing.assert_array_equal(mask, expected[number][1])
        assert image_id == f"pascal_train.tfrecords#00000{number}"
    assert records.verify().sum() == 5 * 7 + 9 * 4 + 1 * 6


def test_unknown_split_lists_the_choices(records_folder: Path) -> None:  # fault 28
    with pytest.raises(DataError, match=r"unknown split .*'test'.*'train', 'val'"):
        open_records(records_folder, "test")


def test_folder_without_manifest(records_folder: Path) -> None:  # faults 27, 34
    (records_folder / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"no manifest\.json, so this is not a finished conversion"):
        open_records(records_folder)


def test_pattern_that_matches_nothing(tmp_path: Path) -> None:  # fault 36
    with pytest.raises(DataError, match=r"\*\.tfrecord: no file matches this pattern"):
        open_records(tmp_path / "*.tfrecord")
    with pytest.raises(DataError, match=r"gone\.tfrecord: no such file or folder"):
        open_records(tmp_path / "gone.tfrecord")


def test_missing_shards_are_all_listed(records_folder: Path) -> None:  # fault 36
    for name in ("train-00000-of-00002.tfrecord", "train-00001-of-00002.tfrecord"):
        shard(records_folder, name).unlink()
    with pytest.raises(DataError, match=r"train-00000-of-00002\.tfrecord: missing\n.*00001"):
        open_records(records_folder, "train")
    assert open_records(records_folder, "val").num_examples == 3


def test_shard_missing_from_a_pattern(records_folder: Path) -> None:  # fault 36
    shard(records_folder).unlink()
    with pytest.raises(DataError, match=r"missing shards: .*train-00001-of-00002\.tfrecord"):
        open_records(records_folder / "train-*")
    # A pattern that asks for less than a set is no mistake.
    assert open_records(records_folder / "train-00000-*").num_examples == 2


def test_truncation_at_a_record_boundary(records_folder: Path) -> None:  # fault 34
    path = shard(records_folder)
    content = path.read_bytes()
    path.write_bytes(content[: 16 + int.from_bytes(content[:8], "little")])
    with pytest.raises(
        DataError, match=rf"{path.name}: \d+ bytes, the manifest says {len(content)}"
    ):
        open_records(records_folder)


def test_truncation_after_opening(records_folder: Path) -> None:  # fault 34
    records = open_records(records_folder, "train")
    content = shard(records_folder).read_bytes()
    shard(records_folder).write_bytes(content[: 16 + int.from_bytes(content[:8], "little")])
    with pytest.raises(DataError, match=r"train-00001-of-00002\.tfrecord: 1 records instead of 3"):
        list(records.examples())


def test_truncation_in_mid_record(records_folder: Path) -> None:  # fault 33
    records = open_records(records_folder, "train")
    path = shard(records_folder)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"train-00001-of-00002\.tfrecord: .*record 2"):
        list(records.examples())
    moved = path.rename(records_folder.parent / "moved.tfrecord")
    with pytest.raises(DataError, match=r"moved\.tfrecord: truncated.*inside record 2"):
        open_records(moved)


def test_flipped_bit_names_shard_and_record(records_folder: Path) -> None:  # fault 33
    path = shard(records_folder)
    second = 16 + int.from_bytes(path.read_bytes()[:8], "little")
    flip_bit(path, second + 500)
    records = open_records(records_folder, "train")
    words = r"train-00001-of-00002\.tfrecord: record 1: "
    read = []
    with pytest.raises(DataError, match=words):
        read.extend(records.examples(1))
    assert len(read) <= 1
    with pytest.raises(DataError, match=words):
        records.verify()


def test_damage_in_a_pipeline_is_located(records_folder: Path) -> None:  # fault 33
    path = shard(records_folder)
    flip_bit(path, path.stat().st_size - 500)
    records = open_records(records_folder, "train")
    with (
        pytest.raises(DataError, match=r"train-00001-of-00002\.tfrecord: record 2: "),
        records.naming_damage(),
    ):
        list(records.dataset().shuffle(5).map(records.parse).as_numpy_iterator())


def test_other_errors_in_a_pipeline_stay_what_they_are(records_folder: Path) -> None:
    records = open_records(records_folder, "train")
    with pytest.raises(tf.errors.InvalidArgumentError), records.naming_damage():
        tf.debugging.assert_equal(1, 2)


def test_replaced_file_of_equal_size_fails_verify(records_folder: Path) -> None:  # fault 34
    def change_sha256(fields: Any) -> None:
        fields["splits"]["val"]["shards"][0]["sha256"] = "0" * 64

    edit_manifest(records_folder, change_sha256)
    with pytest.raises(DataError, match=r"val-00000-of-00002\.tfrecord: SHA-256 is [0-9a-f]{64}"):
        open_records(records_folder).verify()


def test_verify_names_every_faulty_file(records_folder: Path) -> None:
    flip_bit(shard(records_folder), 400)
    flip_bit(shard(records_folder, "val-00000-of-00002.tfrecord"), 400)
    with pytest.raises(DataError, match=r"(?s)train-00001.*record 0.*val-00000.*record 0"):
        open_records(records_folder).verify()


def test_verify_finds_labels_that_are_no_classes(records_folder: Path) -> None:
    checked = CheckedSample("x", jpeg_bytes(4, 6), "jpeg", 4, 6, np.full((4, 6), 7, np.uint8))
    path = write(shard(records_folder, "val-00000-of-00002.tfrecord"), encode_example(checked))

    def describe(fields: Any) -> None:
        entry = fields["splits"]["val"]["shards"][0]
        entry.update(bytes=path.stat().st_size, sha256=file_sha256(path))

    edit_manifest(records_folder, describe)
    with pytest.raises(DataError, match=r"record 0 \(x\): label ids that are neither .*\{7: 24\}"):
        open_records(records_folder, "val").verify()


def test_no_records_at_all(tmp_path: Path) -> None:  # faults 34, 35
    path = tmp_path / "a.tfrecord"
    path.touch()
    with pytest.raises(DataError, match=r"a\.tfrecord: empty file"):
        open_records(path)
    path.write_bytes(gzip.compress(b"records"))
    with pytest.raises(DataError, match=r"a\.tfrecord: compressed"):
        open_records(path)
    path.write_bytes(jpeg_bytes(9, 9))
    with pytest.raises(DataError, match=r"a\.tfrecord: not a TFRecord file"):
        open_records(path)


def test_missing_features_and_mixed_schemas(tmp_path: Path, classic_file: Classic) -> None:
    # fault 37
    empty = tf.train.Example(features=tf.train.Features(feature={"label": tf.train.Feature()}))
    write(tmp_path / "b.tfrecords", empty.SerializeToString())
    with pytest.raises(
        DataError, match=r"b\.tfrecords: missing features: found \['label'\], wante"
    ):
        open_records(tmp_path / "b.tfrecords")
    checked = CheckedSample("x", jpeg_bytes(4, 6), "jpeg", 4, 6, np.zeros((4, 6), np.uint8))
    write(tmp_path / "b.tfrecords", encode_example(checked))
    with pytest.raises(DataError, match=r"files of different schemas \['encoded', 'raw'\]"):
        open_records(tmp_path / "*.tfrecords")


def test_hostile_size_names_the_record(tmp_path: Path) -> None:  # fault 38
    good = raw_record(2, 2, bytes(12), bytes(4))
    path = write(tmp_path / "c.tfrecords", good, raw_record(2**40, 2**40, bytes(12), bytes(4)))
    with pytest.raises(DataError, match=r"c\.tfrecords: record 1: .*not in the limits: positive"):
        list(read_examples(path))


def test_a_record_that_lies_about_its_length(records_folder: Path) -> None:  # fault 38
    # With the right checksum: TensorFlow would take the memory, and end the process without it.
    path = shard(records_folder)
    content = path.read_bytes()
    second = 16 + int.from_bytes(content[:8], "little")
    length = (2**40).to_bytes(8, "little")
    header = length + masked_crc32c(length).to_bytes(4, "little")
    path.write_bytes(content[:second] + header + content[second + 12 :])
    with pytest.raises(DataError, match=r"train-00001.*: truncated, the file ends inside record 1"):
        list(read_examples(records_folder))


def test_a_name_and_a_record_that_are_not_utf_8(tmp_path: Path) -> None:  # fault 33
    checked = CheckedSample("caf", jpeg_bytes(4, 6), "jpeg", 4, 6, np.zeros((4, 6), np.uint8))
    record = encode_example(checked)
    path = write(tmp_path / "d.tfrecords", record, record.replace(b"caf", b"\xff\xfe\xe9"))
    with pytest.raises(DataError, match=r"d\.tfrecords: record 1: the name .* is not UTF-8"):
        list(read_examples(path))
    write(path, record, b"\x0b\xe7" + record[2:])
    with pytest.raises(DataError, match=r"d\.tfrecords: record 1: damaged, it cannot be parsed"):
        list(read_examples(path))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("examples", 4, r"the shards have 3 of the split's 4 examples"),
        ("shards", [], r"val: shards belong to a dataset and not to a mixture"),
        ("class_pixels", [5], r"val: class_pixels has 1 numbers for 3 classes"),
        ("ignored_pixels", -1, r"splits.*: expected int >= 0"),
        ("shards", "twice", r"a shard is listed twice"),
    ],
)
def test_a_manifest_that_drops_or_repeats_shards(
    records_folder: Path, key: str, value: Any, words: str
) -> None:  # fault 37
    def change(fields: Any) -> None:
        split = fields["splits"]["val"]
        split[key] = split["shards"] * 2 if value == "twice" else value
        split["examples"] *= 2 if value == "twice" else 1

    edit_manifest(records_folder, change)
    with pytest.raises(DataError, match=rf"manifest\.json: .*{words}"):
        open_records(records_folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "Input data was truncated"),
        ("[]", "expected object, got array"),
        ('{"schema_version": 1}', "Object missing required field `dataset`"),
        ('{"schema_version": 1e999}', ".*schema_version|.*out of range"),
        ('{"schema_version": ' + "[" * 100_000, ".*"),
        ('{"schema_version": 2}', "schema version 2, this program reads version 1"),
    ],
)
def test_damaged_manifest(records_folder: Path, text: str, words: str) -> None:  # fault 37
    (records_folder / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=rf"manifest\.json: {words}"):
        open_records(records_folder)


def test_manifest_cannot_name_files_elsewhere(records_folder: Path) -> None:  # fault 24
    def point_outside(fields: Any) -> None:
        fields["splits"]["val"]["shards"][0]["file"] = "../secret.tfrecord"

    edit_manifest(records_folder, point_outside)
    with pytest.raises(DataError, match=r"not a plain file name"):
        open_records(records_folder)


def test_replacement_cut_short_is_undone_on_opening(records_folder: Path) -> None:  # fault 31
    records_folder.rename(records_folder.with_name(".records.old-0123abcd"))
    assert open_records(records_folder).num_examples == 8
    restore(records_folder)
    assert not records_folder.with_name(".records.old-0123abcd").exists()
