"""Batches for training: their order, their content, and what happens to damaged records."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from small_records import RED, example, examples, write_classic_records, write_records

from tf_image_segmentation import input_pipeline
from tf_image_segmentation.augmentation import Augmentation
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.input_pipeline import training_batches
from tf_image_segmentation.tfrecords import open_records

COUNT = 7
FILL = (123.68, 116.78, 103.94)
CROP = Augmentation((16, 32), FILL, 255)
EVERYTHING = Augmentation((16, 32), FILL, 255, True, (0.5, 1.5), "full")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Seven examples in shards of 2, 2 and 3."""
    path = tmp_path_factory.mktemp("pipeline")
    return write_records(path, {"train": examples(COUNT)}, num_shards=3)


@pytest.fixture(scope="module")
def records(folder):
    return open_records(folder, "train")


def take(batches, count):
    return list(batches.take(count).as_numpy_iterator())


def ids(batches):
    return [image_id.decode() for batch in batches for image_id in batch.image_ids]


def assert_equal(batches, expected):
    assert ids(batches) == ids(expected)
    for batch, other in zip(batches, expected, strict=True):
        np.testing.assert_array_equal(batch.images, other.images)
        np.testing.assert_array_equal(batch.masks, other.masks)


def test_batches_have_the_promised_types(records):
    batches = training_batches(records, EVERYTHING, batch_size=2, seed=0)
    assert batches.element_spec.images == tf.TensorSpec([2, 16, 32, 3], tf.float32)
    assert batches.element_spec.masks == tf.TensorSpec([2, 16, 32], tf.uint8)
    for batch in take(batches, 4):
        assert batch.images.min() >= 0.0
        assert batch.images.max() <= 255.0
        assert set(np.unique(batch.masks)) <= {0, 1, 2, 255}


def test_image_and_mask_stay_aligned(records):
    for batch in take(training_batches(records, CROP, batch_size=3, seed=0), 5):
        for label, red in RED.items():
            # Padding has the ignore label, too, and the colour of FILL.
            shown = batch.images[..., 0][batch.masks == label]
            allowed = {red, np.float32(FILL[0])} if label == 255 else {red}
            assert set(np.unique(shown)) <= allowed


def test_same_seed_same_batches_whatever_the_global_seed(records):
    batches = training_batches(records, EVERYTHING, batch_size=2, seed=3)
    expected = take(batches, 8)
    assert_equal(take(batches, 8), expected)
    for global_seed in (0, 5):
        tf.random.set_seed(global_seed)
        tf.random.uniform([])
        assert_equal(take(training_batches(records, EVERYTHING, batch_size=2, seed=3), 8), expected)


def test_another_seed_gives_another_order_and_other_crops(records):
    batches = [take(training_batches(records, CROP, COUNT, seed), 1)[0] for seed in range(3)]
    assert len({tuple(batch.image_ids) for batch in batches}) == 3
    by_id = [dict(zip(batch.image_ids, batch.masks, strict=True)) for batch in batches]
    for image_id in by_id[0]:
        assert len({masks[image_id].tobytes() for masks in by_id}) > 1


def test_every_example_occurs_once_an_epoch_in_another_order_each_time(records):
    batches = take(training_batches(records, CROP, batch_size=2, seed=0), 3 * COUNT)
    seen = ids(batches)
    epochs = [tuple(seen[start : start + COUNT]) for start in range(0, 6 * COUNT, COUNT)]
    for epoch in epochs:
        assert sorted(epoch) == [f"train{number}" for number in range(COUNT)]
    assert len(set(epochs)) > 3


def test_an_example_is_augmented_anew_in_each_epoch(records):
    batches = take(training_batches(records, CROP, batch_size=1, seed=0), 4 * COUNT)
    crops = {batch.masks.tobytes() for batch in batches if batch.image_ids[0] == b"train0"}
    assert len(crops) > 2


def test_a_later_start_equals_skipping_batches(records):  # fault 51
    expected = take(training_batches(records, CROP, batch_size=3, seed=1), 10)
    # Three a batch from seven examples: step 2 reaches into the second epoch, and 7 begins one.
    for start_step in (1, 2, 5, 7):
        resumed = training_batches(records, CROP, 3, seed=1, start_step=start_step)
        assert_equal(take(resumed, 3), expected[start_step : start_step + 3])


def test_a_batch_of_the_whole_set_is_an_epoch(records):
    for batch in take(training_batches(records, CROP, batch_size=COUNT, seed=0), 3):
        assert len(set(ids([batch]))) == COUNT


@pytest.mark.parametrize("batch_size", [COUNT + 1, 0])
def test_a_batch_larger_than_the_data_set_is_refused(records, folder, batch_size):  # fault 54
    with pytest.raises(DataError) as error:
        training_batches(records, CROP, batch_size, seed=0)
    message = str(error.value)
    assert message.startswith(f"{folder}: batch size {batch_size} must be at least 1")
    assert "data set of 7 examples; choose another --batch-size" in message


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_a_damaged_shard_is_named_and_nothing_is_skipped(tmp_path):  # fault 33
    folder = write_records(tmp_path, {"train": examples(COUNT)}, num_shards=3)
    records = open_records(folder, "train")
    flip_a_bit(records.files[1])
    batches = training_batches(records, CROP, batch_size=1, seed=0)
    with pytest.raises(tf.errors.DataLossError):
        take(batches, COUNT)
    with pytest.raises(DataError) as error, records.naming_damage():
        take(batches, COUNT)
    message = str(error.value)
    assert message.startswith(f"{records.files[1]}: record 1: ")
    assert message.endswith("convert or copy the file again")


def test_a_shard_truncated_after_opening_is_named(tmp_path):  # fault 33
    folder = write_records(tmp_path, {"train": examples(COUNT)}, num_shards=3)
    records = open_records(folder, "train")
    data = records.files[2].read_bytes()
    records.files[2].write_bytes(data[:-10])
    with pytest.raises(DataError) as error, records.naming_damage():
        take(training_batches(records, CROP, batch_size=1, seed=0), COUNT)
    assert str(records.files[2]) in str(error.value)


def test_classic_raw_records_feed_too(tmp_path):
    pairs = examples(4)
    records = open_records(write_classic_records(tmp_path / "classic.tfrecords", pairs))
    whole = Augmentation((32, 40), FILL, 255, flip=False)
    batches = take(training_batches(records, whole, batch_size=4, seed=0), 1)
    assert ids(batches) != []
    for image, mask, image_id in zip(*batches[0], strict=True):
        number = int(image_id.decode().split("#")[1])
        expected = pairs[number][1]
        assert np.count_nonzero(mask == 1) == np.count_nonzero(expected == 1)
        np.testing.assert_array_equal(image[..., 0][mask == 1], RED[1])


def test_many_small_shards_are_all_read(tmp_path):
    pairs = [example(8, 8, seed) for seed in range(20)]
    records = open_records(write_records(tmp_path, {"train": pairs}, num_shards=20), "train")
    assert len(records.files) > input_pipeline._OPEN_SHARDS
    batches = take(training_batches(records, CROP, batch_size=20, seed=0), 1)
    assert len(set(ids(batches))) == 20


def test_shards_are_read_in_parallel(records, monkeypatch):
    open_now, most, lock = 0, 0, threading.Lock()
    read_shard = input_pipeline.read_shard

    def read(file):
        nonlocal open_now, most
        with lock:
            open_now += 1
            most = max(most, open_now)
        time.sleep(0.2)
        with lock:
            open_now -= 1
        return file

    def slow_shard(file):
        return tf.data.Dataset.from_tensors(file).flat_map(
            lambda name: read_shard(tf.ensure_shape(tf.numpy_function(read, [name], tf.string), []))
        )

    monkeypatch.setattr(input_pipeline, "read_shard", slow_shard)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 4  # else a single core would have one thread
    batches = training_batches(records, CROP, batch_size=1, seed=0).with_options(options)
    assert len(set(ids(take(batches, COUNT)))) == COUNT
    assert most > 1


def test_the_shuffle_buffer_is_bounded_by_bytes(records, monkeypatch):
    total = sum(file.stat().st_size for file in records.files)
    assert input_pipeline._shuffle_buffer(records) == COUNT
    monkeypatch.setattr(input_pipeline, "_SHUFFLE_BYTES", total // 2)
    assert input_pipeline._shuffle_buffer(records) == 3
    monkeypatch.setattr(input_pipeline, "_SHUFFLE_BYTES", 1)
    assert input_pipeline._shuffle_buffer(records) == 1


@pytest.mark.parametrize(("workers", "replicas"), [(1, 2), (2, 2), (2, 4), (4, 4)])
def test_workers_together_see_what_one_alone_sees(records, workers, replicas):
    expected = take(training_batches(records, EVERYTHING, batch_size=4, seed=2, start_step=1), 6)
    shares = []
    for worker in range(workers):
        context = tf.distribute.InputContext(workers, worker, replicas)
        batches = training_batches(records, EVERYTHING, 4, 2, 1, context)
        assert batches.element_spec.masks.shape[0] == 4 // replicas
        shares.append(take(batches, 6 * replicas // workers))
    local = replicas // workers
    for step, whole in enumerate(expected):
        parts = [batch for share in shares for batch in share[step * local : (step + 1) * local]]
        assert ids(parts) == ids([whole])
        np.testing.assert_array_equal(np.concatenate([p.images for p in parts]), whole.images)
        np.testing.assert_array_equal(np.concatenate([p.masks for p in parts]), whole.masks)


def test_a_batch_that_replicas_cannot_share_evenly_is_refused(records):
    context = tf.distribute.InputContext(1, 0, 2)
    with pytest.raises(DataError, match="batch size 3 cannot be shared evenly by 2 replicas"):
        training_batches(records, CROP, 3, 0, context=context)
