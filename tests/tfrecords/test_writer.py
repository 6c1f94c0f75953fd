"""A conversion: what it writes, in which order, and what it refuses."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords import convert, read_examples
from tf_image_segmentation.tfrecords.manifest import Manifest
from tf_image_segmentation.tfrecords.writer import chunks

Splits = dict[str, list[Sample]]

# Ids sorted by sha256("<seed>:<id>"), worked out with the sha256sum program.
GOLDEN_ORDER = {0: ["t1", "t2", "t0", "t4", "t3"], 1: ["t4", "t1", "t0", "t2", "t3"]}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "work" / "out"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def quiet(info: DatasetInfo, splits: Splits, out: Path, **options: Any) -> Manifest:
    return convert(info, splits, out, **{"workers": 1, "progress": False, **options})


def nothing_left(out: Path) -> bool:
    return not out.parent.exists() or not list(out.parent.iterdir())


def damage(sample: Sample) -> None:
    sample.image.write_bytes(sample.image.read_bytes()[:200])


def test_files_and_manifest(info: DatasetInfo, splits: Splits, out: Path) -> None:
    manifest = quiet(info, splits, out, num_shards=2, source={"mode": 2})
    assert sorted(contents(out)) == [
        "manifest.json",
        "train-00000-of-00002.tfrecord",
        "train-00001-of-00002.tfrecord",
        "val-00000-of-00002.tfrecord",
        "val-00001-of-00002.tfrecord",
    ]
    fields = json.loads((out / "manifest.json").read_text())
    assert fields["schema_version"] == 1
    assert fields["dataset"]["class_names"] == ["background", "cat", "dog"]
    assert fields["source"]["mode"] == 2
    for shard in fields["splits"]["train"]["shards"]:
        data = (out / shard["file"]).read_bytes()
        assert shard["bytes"] == len(data)
        assert shard["sha256"] == hashlib.sha256(data).hexdigest()
    assert [shard["examples"] for shard in fields["splits"]["train"]["shards"]] == [2, 3]
    masks = np.concatenate([np.asarray(Image.open(s.mask)).ravel() for s in splits["val"]])
    assert fields["splits"]["val"]["class_pixels"] == [int((masks == k).sum()) for k in range(3)]
    assert fields["splits"]["val"]["ignored_pixels"] == int((masks == 255).sum())
    assert Manifest.read(out) == replace(manifest, source=fields["source"])


def test_a_jpeg_goes_in_and_the_same_bytes_come_out(
    info: DatasetInfo, splits: Splits, out: Path
) -> None:
    quiet(info, splits, out, num_shards=1)
    originals = {sample.image_id: sample.image.read_bytes() for sample in splits["train"]}
    file = out / "train-00000-of-00001.tfrecord"
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        feature = tf.train.Example.FromString(record).features.feature
        image_id = feature["image/filename"].bytes_list.value[0].decode()
        assert feature["image/encoded"].bytes_list.value[0] == originals.pop(image_id)
    assert not originals


def test_same_bytes_whatever_the_number_of_workers(
    info: DatasetInfo, splits: Splits, tmp_path: Path
) -> None:  # fault 26
    for workers in (1, 2):
        quiet(info, splits, tmp_path / str(workers), workers=workers, num_shards=3)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_training_order_is_a_known_shuffle(info: DatasetInfo, splits: Splits, out: Path) -> None:
    # fault 26
    splits["train"].reverse()
    quiet(info, splits, out, shuffle_seed=0)
    assert [image_id for _, _, image_id in read_examples(out, "train")] == GOLDEN_ORDER[0]
    quiet(info, splits, out, shuffle_seed=1, overwrite=True)
    assert [image_id for _, _, image_id in read_examples(out, "train")] == GOLDEN_ORDER[1]
    assert [image_id for _, _, image_id in read_examples(out, "val")] == ["v0", "v1", "v2"]


def test_never_more_shards_than_samples(info: DatasetInfo, splits: Splits, out: Path) -> None:
    manifest = quiet(info, splits, out, num_shards=4)
    assert [shard.examples for shard in manifest.splits["val"].shards] == [1, 1, 1]
    assert [shard.examples for shard in manifest.splits["train"].shards] == [1, 1, 1, 2]
    assert manifest.splits["val"].shards[0].file == "val-00000-of-00003.tfrecord"


def test_chunks_are_contiguous_and_even() -> None:
    samples = [Sample(str(n), Path(), Path()) for n in range(11)]
    parts = chunks(samples, 4)
    assert [sample for part in parts for sample in part] == samples
    assert {len(part) for part in parts} == {2, 3}


def test_all_missing_files_are_listed(info: DatasetInfo, splits: Splits, out: Path) -> None:
    # fault 20
    gone = [splits["train"][1].image, splits["train"][4].mask, splits["val"][0].image]
    for path in gone:
        path.unlink()
    with pytest.raises(
        DataError, match=r"(?s)^files of 3 samples are missing:.*--skip-bad"
    ) as caught:
        quiet(info, splits, out)
    assert all(f"{path}: missing" in str(caught.value) for path in gone)
    assert str(caught.value).count(": missing") == 3
    assert nothing_left(out)


def test_missing_files_can_be_skipped(info: DatasetInfo, splits: Splits, out: Path) -> None:
    splits["train"][1].image.unlink()
    manifest = quiet(info, splits, out, skip_bad=True)
    assert manifest.splits["train"].examples == 4
    reason = f"{splits['train'][1].image}: missing"
    assert Manifest.read(out).splits["train"].skipped == {"t1": reason}


@pytest.mark.parametrize("within", [True, False])
def test_an_id_twice_is_refused(
    info: DatasetInfo, splits: Splits, out: Path, within: bool
) -> None:  # fault 22
    splits["train" if within else "val"].append(splits["train"][2])
    with pytest.raises(DataError, match=r"\bt2\b"):
        quiet(info, splits, out)
    assert nothing_left(out)


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_samples_are_raised_together(
    info: DatasetInfo, splits: Splits, out: Path, workers: int
) -> None:
    damage(splits["train"][0])
    damage(splits["val"][2])
    with pytest.raises(
        DataError, match=r"^2 of 8 samples cannot be used; nothing.*--skip-bad"
    ) as e:
        quiet(info, splits, out, workers=workers)
    assert str(splits["train"][0].image) in str(e.value)
    assert str(splits["val"][2].image) in str(e.value)
    assert nothing_left(out)


def test_stops_after_50_bad_samples(info: DatasetInfo, splits: Splits, out: Path) -> None:
    bad = [replace(splits["val"][0], image_id=str(number)) for number in range(60)]
    damage(bad[0])
    with pytest.raises(DataError, match=r"^50 of 60 samples cannot be used \(stopped there\)"):
        quiet(info, {"val": bad}, out)
    assert nothing_left(out)


def test_bad_samples_can_be_skipped(info: DatasetInfo, splits: Splits, out: Path) -> None:
    # v0 is alone in the first shard of val: that file must not exist as an empty one (fault 34).
    damage(splits["val"][0])
    manifest = quiet(info, splits, out, skip_bad=True, num_shards=3)
    split = Manifest.read(out).splits["val"]
    assert list(split.skipped) == ["v0"]
    assert str(splits["val"][0].image) in split.skipped["v0"]
    assert [shard.file for shard in split.shards] == [
        "val-00000-of-00002.tfrecord",
        "val-00001-of-00002.tfrecord",
    ]
    assert [image_id for _, _, image_id in read_examples(out, "val")] == ["v1", "v2"]
    assert len(contents(out)) == 1 + 2 + len(manifest.splits["train"].shards)


def test_a_split_of_bad_samples_only_is_an_error(
    info: DatasetInfo, splits: Splits, out: Path
) -> None:  # fault 54
    for sample in splits["val"]:
        damage(sample)
    with pytest.raises(DataError, match=r"split 'val' has no usable sample \(3 bad ones\)"):
        quiet(info, splits, out, skip_bad=True)
    with pytest.raises(DataError, match="split 'test' has no usable sample"):
        quiet(info, {"test": []}, out)
    assert nothing_left(out)


def test_all_void_masks_are_kept_counted_and_warned_about(
    info: DatasetInfo, splits: Splits, out: Path, caplog: pytest.LogCaptureFixture
) -> None:  # fault 19
    mask = np.asarray(Image.open(splits["val"][1].mask))
    Image.fromarray(np.full_like(mask, 255)).save(splits["val"][1].mask)
    with caplog.at_level(logging.WARNING):
        manifest = quiet(info, splits, out)
    assert manifest.splits["val"].examples == 3
    assert Manifest.read(out).splits["val"].all_void == ("v1",)
    assert "1 samples of split val have no labeled pixel" in caplog.text


def test_an_unreadable_file_is_a_bad_sample(
    info: DatasetInfo, splits: Splits, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fault 27
    def broken(path: Path, *, max_pixels: int) -> np.ndarray:
        raise OSError(errno.EIO, "Input/output error", str(path))

    splits["val"][1] = replace(splits["val"][1], read_mask=broken)
    with pytest.raises(DataError, match=r"1 of 8 samples cannot be used") as caught:
        quiet(info, splits, out)
    assert str(splits["val"][1].mask) in str(caught.value)
    assert nothing_left(out)


def test_half_written_mat_is_a_bad_sample(info: DatasetInfo, splits: Splits, out: Path) -> None:
    # fault 27
    import scipy.io

    from tf_image_segmentation.datasets.sets.berkeley_sbd import read_sbd_mask

    path = splits["train"][0].mask.with_suffix(".mat")
    labels = np.asarray(Image.open(splits["train"][0].mask))
    scipy.io.savemat(path, {"GTcls": {"Segmentation": labels}}, do_compression=True)
    path.write_bytes(path.read_bytes()[:-20])
    splits["train"][0] = replace(splits["train"][0], mask=path, read_mask=read_sbd_mask)
    with pytest.raises(DataError, match=r"1 of 8 samples cannot be used") as caught:
        quiet(info, splits, out)
    assert str(path) in str(caught.value)
    manifest = quiet(info, splits, out, skip_bad=True)
    assert list(manifest.splits["train"].skipped) == ["t0"]


def test_full_disk_is_reported(
    info: DatasetInfo, splits: Splits, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fault 32
    writer = tf.io.TFRecordWriter
    monkeypatch.setattr(tf.io, "TFRecordWriter", lambda path: writer("/dev/full"))
    with pytest.raises(OSError, match=r"out: the disk is full, so nothing was kept") as caught:
        quiet(info, splits, out)
    assert caught.value.errno == errno.ENOSPC
    assert nothing_left(out)


def test_full_disk_for_the_manifest_is_reported(
    info: DatasetInfo, splits: Splits, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fault 32
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Manifest, "write", full)
    with pytest.raises(OSError, match="the disk is full"):
        quiet(info, splits, out)
    assert nothing_left(out)


def test_a_failed_overwrite_keeps_the_old_output(
    info: DatasetInfo, splits: Splits, out: Path
) -> None:  # fault 31
    quiet(info, splits, out)
    before = contents(out)
    damage(splits["val"][2])
    with pytest.raises(DataError):
        quiet(info, splits, out, overwrite=True)
    assert contents(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_existing_output_is_refused_before_any_work(
    info: DatasetInfo, splits: Splits, out: Path
) -> None:  # fault 39
    quiet(info, splits, out)
    splits["val"][0].image.unlink()
    with pytest.raises(DataError, match=r"exists already.*--overwrite"):
        quiet(info, splits, out)


def test_names_with_spaces_and_unicode_round_trip(
    info: DatasetInfo, splits: Splits, out: Path
) -> None:  # fault 25
    name = "häßlich 1 \u732b"
    sample = splits["val"][0]
    image = sample.image.rename(sample.image.with_name(f"{name}.jpg"))
    quiet(info, {"val": [replace(sample, image_id=name, image=image)]}, out)
    assert [image_id for _, _, image_id in read_examples(out)] == [name]


def test_numbers_are_checked(info: DatasetInfo, splits: Splits, out: Path) -> None:
    with pytest.raises(DataError, match=r"num_shards \(0\)"):
        quiet(info, splits, out, num_shards=0)
    with pytest.raises(DataError, match=r"workers \(0\)"):
        quiet(info, splits, out, workers=0)


def test_a_single_class_is_refused(info: DatasetInfo, splits: Splits, out: Path) -> None:
    # fault 65
    single = replace(info, class_names=("coin",), palette=((9, 9, 9),))
    with pytest.raises(DataError, match=r"single class coin; .* name the background"):
        quiet(single, splits, out)
    assert nothing_left(out)


def test_the_pixel_limit_of_a_conversion_holds_when_its_records_are_read(
    info: DatasetInfo, splits: Splits, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # fault 7: 20 x 37 pixels and more
    with pytest.raises(DataError, match=r"more than the limit of 700; raise max_pixels"):
        quiet(info, splits, out, max_pixels=700)
    monkeypatch.setattr("tf_image_segmentation.tfrecords.manifest.MAX_PIXELS", 100)
    quiet(info, splits, out, max_pixels=2000)
    assert Manifest.read(out).max_pixels == 2000
    assert len(list(read_examples(out, "train"))) == 5


def test_a_name_that_is_not_utf_8(info: DatasetInfo, splits: Splits, out: Path) -> None:
    # fault 25
    splits["train"][0] = replace(splits["train"][0], image_id="caf\udce9")
    with pytest.raises(DataError, match="the name is not valid UTF-8; rename the file"):
        quiet(info, splits, out)
    assert nothing_left(out)
