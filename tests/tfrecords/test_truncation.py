"""A shard cut off at any byte is an error, or all that it is said to hold comes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tf_image_segmentation.datasets.decode.images import CheckedSample
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords import encode_example, open_records, read_examples
from tf_image_segmentation.tfrecords.files import frames
from tf_image_segmentation.tfrecords.manifest import Manifest, Shard, Split, file_sha256

NUM_RECORDS = 3
NAME = "train-00000-of-00001.tfrecord"


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of three tiny records, with its manifest beside it."""
    import tensorflow as tf
    from tiny_records import jpeg_bytes

    folder = tmp_path_factory.mktemp("records")
    with tf.io.TFRecordWriter(str(folder / NAME)) as writer:
        for number in range(NUM_RECORDS):
            image, mask = jpeg_bytes(4, 5, seed=number), np.full((4, 5), number % 2, np.uint8)
            writer.write(encode_example(CheckedSample(str(number), image, "jpeg", 4, 5, mask)))
    size = (folder / NAME).stat().st_size
    entry = Shard(NAME, NUM_RECORDS, size, file_sha256(folder / NAME))
    info = DatasetInfo("tiny", ("background", "cat"), ((0, 0, 0), (255, 0, 0)))
    Manifest(info, {"train": Split(NUM_RECORDS, (40, 20), 0, (entry,))}).write(folder)
    return folder / NAME


def truncations(shard: Path) -> Iterator[int]:
    """Cuts the file to each of its lengths in turn, and mends it at the end."""
    content = shard.read_bytes()
    try:
        for length in range(len(content)):
            shard.write_bytes(content[:length])
            yield length
    finally:
        shard.write_bytes(content)


# faults 33, 34
def test_with_its_manifest_every_truncation_is_an_error_that_names_the_shard(shard: Path) -> None:
    for length in truncations(shard):
        for path in (shard.parent, shard, shard.with_name("*.tfrecord")):
            with pytest.raises(DataError, match=rf"{NAME}: {length} bytes, the manifest says \d+"):
                open_records(path)
    assert len(list(read_examples(shard.parent))) == NUM_RECORDS


# faults 33, 34: between two records nothing but a manifest can tell that there were more
def test_without_a_manifest_every_truncation_but_between_records_is_an_error(
    shard: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone.tfrecord"
    alone.write_bytes(shard.read_bytes())
    whole = {start - 12: number for number, (start, _) in enumerate(frames(alone)) if number}
    assert len(whole) == NUM_RECORDS - 1
    for length in truncations(alone):
        if length in whole:
            assert open_records(alone).num_examples == whole[length]
        else:
            with pytest.raises(DataError, match=r"alone\.tfrecord: (truncated|empty file)"):
                open_records(alone)
    ids = [image_id for _, _, image_id in read_examples(alone)]
    assert ids == [str(number) for number in range(NUM_RECORDS)]


# faults 33, 34
@pytest.mark.parametrize("with_manifest", [True, False])
def test_truncation_of_a_file_that_is_open_already(
    shard: Path, tmp_path: Path, with_manifest: bool
) -> None:
    path = shard if with_manifest else tmp_path / "alone.tfrecord"
    content = shard.read_bytes()
    path.write_bytes(content)
    records, starts = open_records(path), [start for start, _ in frames(path)]
    middle = starts[2] - 12
    try:
        for length in (0, 7, starts[1], middle - 1, middle, middle + 5, len(content) - 1):
            path.write_bytes(content[:length])
            with pytest.raises(DataError, match=path.name):
                list(records.examples())
    finally:
        path.write_bytes(content)
