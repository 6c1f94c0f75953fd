"""Batches for training: their order, their content, and what happens to damaged records."""

from __future__ import annotations

import json
import re
import struct
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from small_records import INFO, RED, example, examples, write_classic_records, write_records

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.input import part_sampling
from tf_image_segmentation.input import pipeline as input_pipeline
from tf_image_segmentation.input.augmentation import make_augmentation
from tf_image_segmentation.input.part_sampling import PartSampling
from tf_image_segmentation.input.pipeline import training_batches
from tf_image_segmentation.tfrecords import open_records, write_mixture
from tf_image_segmentation.tfrecords.files import masked_crc32c

COUNT = 7
FILL = (123.68, 116.78, 103.94)
CROP = make_augmentation(["flip"], (16, 32), FILL, 255)
EVERYTHING = make_augmentation(
    ["flip", "color", {"name": "scale", "range": [0.5, 1.5]}], (16, 32), FILL, 255
)


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
            # Padding has the ignore label, too, and the color of FILL.
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
    assert "dataset of 7 examples; choose another --batch-size" in message


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


def test_a_record_that_lies_about_its_length_is_refused_at_the_start(tmp_path):  # fault 33
    folder = write_records(tmp_path, {"train": examples(COUNT)}, num_shards=3)
    records = open_records(folder, "train")
    data = records.files[1].read_bytes()
    header = struct.pack("<Q", 2**40)  # more than there is memory, with the right checksum
    header += struct.pack("<I", masked_crc32c(header))
    records.files[1].write_bytes(header + data[12:])
    with pytest.raises(DataError, match=re.escape(str(records.files[1]))):
        training_batches(records, CROP, batch_size=1, seed=0)


def test_classic_raw_records_feed_too(tmp_path):
    pairs = examples(4)
    records = open_records(write_classic_records(tmp_path / "classic.tfrecords", pairs))
    whole = make_augmentation([], (32, 40), FILL, 255)
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
    assert input_pipeline._shuffle_buffer(records.parts[0]) == COUNT
    monkeypatch.setattr(input_pipeline, "_SHUFFLE_BYTES", total // 2)
    assert input_pipeline._shuffle_buffer(records.parts[0]) == 3
    monkeypatch.setattr(input_pipeline, "_SHUFFLE_BYTES", 1)
    assert input_pipeline._shuffle_buffer(records.parts[0]) == 1


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


OTHER = replace(INFO, name="other", class_names=("dog [black]", "background", "cow"))
WEIGHTS = (3, 1)


@pytest.fixture(scope="module")
def mixture(folder):
    """The records above, and three of a dataset with other classes, a third as often."""
    other = write_records(
        folder / "other", {"train": examples(COUNT)[4:]}, num_shards=2, info=OTHER
    )
    class_map = folder / "map.json"
    fields = {
        "name": "mixed",
        "classes": {"background": [0, 0, 0], "dog [black]": [0, 0, 9]},
        "data_sets": {"small": {"cat": None}, "other": {"cow": "dog [black]"}},
    }
    class_map.write_text(json.dumps(fields))
    write_mixture([folder, other], class_map, WEIGHTS, folder / "mixed")
    return open_records(folder / "mixed", "train")


def by_number(mixture, seed, count):
    """The part of each example and its id, as the definition of the order has it."""
    draws = PartSampling([part.weight for part in mixture.parts], seed).dataset(0)
    parts = [int(part) for part in draws.take(count).as_numpy_iterator()]
    streams = []
    for number, part in enumerate(mixture.parts):
        epochs = input_pipeline._epochs(part, seed, 0, number, len(mixture.parts))
        elements = epochs.take(parts.count(number))
        streams.append([part.parse(*e).image_id.numpy().decode() for e in elements])
    return parts, [streams[part].pop(0) for part in parts]


def test_each_part_of_a_mixture_has_its_own_epochs(mixture):
    count = 40
    parts, expected = by_number(mixture, seed=4, count=count)
    batches = take(training_batches(mixture, CROP, batch_size=4, seed=4), count // 4)
    assert ids(batches) == expected
    for part, size in enumerate((COUNT, 3)):
        own = [image_id for image_id, p in zip(expected, parts, strict=True) if p == part]
        assert len(own) > size  # into a second epoch
        for start in range(0, len(own) - size + 1, size):
            assert len(set(own[start : start + size])) == size


def test_masks_of_a_mixture_have_its_labels(mixture):
    # What the class map says, by the red that shows each stored label.
    label_of = ({0: 0, 100: 255, 200: 1, 250: 255}, {0: 1, 100: 0, 200: 1, 250: 255})
    parts, _ = by_number(mixture, seed=0, count=24)
    assert set(parts) == {0, 1}
    whole = make_augmentation([], (64, 64), (77.0, 77.0, 77.0), 255)
    batches = take(training_batches(mixture, whole, batch_size=4, seed=0), 6)
    images = [image for batch in batches for image in batch.images]
    masks = [mask for batch in batches for mask in batch.masks]
    for part, image, mask in zip(parts, images, masks, strict=True):
        for red, label in {**label_of[part], 77: 255}.items():
            assert set(np.unique(mask[image[..., 0] == red])) <= {label}


def test_a_mixture_resumes_without_the_skipped_examples(mixture):  # fault 51
    expected = take(training_batches(mixture, CROP, batch_size=3, seed=1), 14)
    resumed = training_batches(mixture, CROP, 3, seed=1, start_step=11)
    assert_equal(take(resumed, 3), expected[11:])
    # Decoding all that comes before would take hours.
    parts = mixture.parts
    far = input_pipeline._mixed_epochs(parts, 1, first=9_000_000, repeats=[None] * len(parts))
    assert len(list(far.take(3))) == 3


def test_workers_share_the_batches_of_a_mixture(mixture):
    expected = take(training_batches(mixture, CROP, batch_size=4, seed=2, start_step=1), 4)
    contexts = [tf.distribute.InputContext(2, worker, 2) for worker in range(2)]
    shares = [take(training_batches(mixture, CROP, 4, 2, 1, context), 4) for context in contexts]
    for step, whole in enumerate(expected):
        parts = [share[step] for share in shares]
        assert ids(parts) == ids([whole])
        np.testing.assert_array_equal(np.concatenate([p.masks for p in parts]), whole.masks)


def test_the_batch_of_a_mixture_may_be_larger_than_a_part(mixture, folder):  # fault 54
    input_pipeline.check_batch_size(mixture, COUNT + 3)
    message = rf"{folder}, {folder}/other/records: batch size 11 .* of 10 examples"
    with pytest.raises(DataError, match=message):
        input_pipeline.check_batch_size(mixture, COUNT + 4)


@pytest.mark.parametrize("weights", [(1.0,), (3, 1), (1, 1, 2), (0.001, 5000)])
def test_parts_are_drawn_as_often_as_their_weights_say(weights):
    count = 100_000
    found = PartSampling(weights, seed=3).counts(count)
    assert found.sum() == count and len(found) == len(weights)
    for number, share in zip(found, np.array(weights) / sum(weights), strict=True):
        # Beyond 5 standard deviations of the binomial distribution once in a million draws.
        assert abs(number - count * share) <= 5 * np.sqrt(count * share * (1 - share))


def test_draws_depend_on_the_seed_and_the_number_alone(monkeypatch):
    monkeypatch.setattr(part_sampling, "_BLOCK", 16)
    sampling = PartSampling((2, 1, 1), seed=8)
    draws = list(sampling.dataset(0).take(100).as_numpy_iterator())
    for first in (0, 1, 15, 16, 17, 50):
        later = sampling.dataset(first).take(50).as_numpy_iterator()
        assert list(later) == draws[first : first + 50]
        assert sampling.counts(first).tolist() == np.bincount(draws[:first], minlength=3).tolist()
    other = PartSampling((2, 1, 1), seed=9).dataset(0).take(100)
    assert list(other.as_numpy_iterator()) != draws
    repeats = [draws[start : start + 16] for start in range(0, 96, 16)]
    assert len({tuple(block) for block in repeats}) == 6
