"""Records are inspected as the files were that they were made of."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from measured import INFO, blocks, smooth, write_samples

from tf_image_segmentation.inspection.inspection import inspect
from tf_image_segmentation.inspection.measurement import Position
from tf_image_segmentation.inspection.record_source import RecordSource
from tf_image_segmentation.inspection.sample_source import SampleSource
from tf_image_segmentation.tfrecords import convert
from tf_image_segmentation.tfrecords.reader import open_records


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return write_samples(tmp_path_factory.mktemp("files"), INFO.splits)


@pytest.fixture(scope="module")
def converted(samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted") / "records"
    convert(INFO, samples, folder, num_shards=2, workers=1, progress=False)
    return folder


@pytest.fixture
def folder(converted, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(converted, tmp_path / "records")


def source(folder):
    return RecordSource({split: open_records(folder, split) for split in INFO.splits})


def test_records_give_the_figures_of_the_files(folder, samples):
    before, after = inspect(SampleSource(INFO, samples)), inspect(source(folder))
    assert after.findings == [] and after.is_whole and after.listed == before.listed
    for split in INFO.splits:
        ours, theirs = before.statistics[split], after.statistics[split]
        for name in ("label_pixels", "label_images", "color_pixels"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        assert ours.sizes == theirs.sizes
        # Training records are shuffled.
        looks = [
            sorted((image.image_id, image.digest, tuple(image.hash)) for image in each.images)
            for each in (ours, theirs)
        ]
        assert looks[0] == looks[1]
        assert [image.number for image in theirs.images] == list(range(INFO.splits[split]))


def test_damage_is_named_and_the_other_files_are_measured(folder):  # fault 33
    for split in INFO.splits:
        path = folder / f"{split}-00000-of-00002.tfrecord"
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 1
        path.write_bytes(content)
    found = inspect(source(folder))
    (finding,) = found.findings
    assert (finding.level, finding.rule) == ("error", "broken")
    for split, line in zip(INFO.splits, finding.details, strict=True):
        assert f"{split}-00000-of-00002.tfrecord: record 0: " in line
    assert [image.number for image in found.statistics["train"].images] == [2, 3]
    assert [image.number for image in found.statistics["val"].images] == [1]
    assert not found.is_whole


def test_a_wrong_checksum_is_found_though_every_record_can_be_read(folder):
    manifest = folder / "manifest.json"
    records = source(folder)._records["val"]
    manifest.write_text(manifest.read_text().replace(records.shards[1].sha256, "0" * 64))
    (finding,) = inspect(source(folder)).findings
    assert finding.rule == "broken" and "SHA-256 is " in finding.details[0]


def test_splits_that_cannot_be_opened_are_faults(folder):
    records = RecordSource({"val": open_records(folder, "val")}, {"train": "a reason"})
    (finding,) = inspect(records).findings
    assert (finding.rule, finding.details) == ("unlisted", ("train: a reason",))


def test_examples_are_chosen_from_every_file(folder):
    chosen = source(folder).selection(6)
    assert chosen == [
        *(Position("train", number) for number in (0, 1, 2, 3)),
        *(Position("val", number) for number in (0, 1)),
    ]
    assert source(folder).selection(2) == [Position("train", 0), Position("train", 2)]
    examples = source(folder).examples([Position("train", 3), Position("val", 1)])
    assert set(examples) == {Position("train", 3), Position("val", 1)}
    for example in examples.values():
        seed = sum(map(ord, example.image_id))
        seed += int(example.image_id[-1]) - ord(example.image_id[-1])
        np.testing.assert_array_equal(example.image, smooth(seed))
        np.testing.assert_array_equal(example.mask, blocks(seed))
