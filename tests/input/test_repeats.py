"""Repeat factor sampling: rare classes are seen more often, and resumed runs see the same."""

from __future__ import annotations

import collections

import numpy as np
import pytest
from small_records import examples, write_records

from tf_image_segmentation.input.augmentation import make_augmentation
from tf_image_segmentation.input.pipeline import training_batches
from tf_image_segmentation.input.repeats import classes_present, repeat_factors, repeats_of
from tf_image_segmentation.tfrecords import open_records

CROP = make_augmentation([], (16, 32), (0.0, 0.0, 0.0), 255)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    path = tmp_path_factory.mktemp("repeats")
    return open_records(write_records(path, {"train": examples(5)}, num_shards=2), "train")


def ids(batches, count):
    taken = batches.take(count).as_numpy_iterator()
    return [image_id.decode() for batch in taken for image_id in batch.image_ids]


def test_the_labels_of_every_mask_are_found(records):
    found = classes_present(records.parts[0])
    masks = {
        f"{shard.path.name}#{number:06d}": mask
        for index, shard in enumerate(records.shards)
        for number, (_, mask, _) in enumerate(records.examples(index))
    }
    assert found.keys() == masks.keys()
    for name, mask in masks.items():
        np.testing.assert_array_equal(np.flatnonzero(found[name]), np.unique(mask))


def test_factors_are_those_of_the_formula():
    present = np.zeros((100, 4), bool)
    present[:, 0] = True  # in every image
    present[:25, 1] = True  # as often as the threshold says
    present[:4, 2] = True  # sqrt(0.25 / 0.04) = 2.5
    factors = repeat_factors(present, 0.25)  # class 3 is nowhere
    np.testing.assert_allclose(factors, [2.5] * 4 + [1.0] * 96)


def test_fractions_are_rounded_up_in_proportion(records, monkeypatch):
    from tf_image_segmentation.input import repeats

    names = {str(number): np.arange(256) < (2 if number < 400 else 1) for number in range(10_000)}
    monkeypatch.setattr(repeats, "classes_present", lambda part: names)
    counts = list(repeats_of(records.parts[0], 2, 0.25, seed=0).values())
    assert set(counts[:400]) == {2, 3} and set(counts[400:]) == {1}
    assert abs(np.mean(counts[:400]) - 2.5) < 0.1


def test_an_epoch_has_each_example_as_often_as_it_says(records):
    names = list(classes_present(records.parts[0]))
    repeats = dict(zip(names, (1, 3, 1, 2, 1), strict=True))
    epoch = sum(repeats.values())
    batches = training_batches(records, CROP, 1, seed=0, repeats=[repeats])
    seen = ids(batches, 2 * epoch)
    first = collections.Counter(seen[:epoch])
    assert sorted(first.values()) == [1, 1, 1, 2, 3]
    assert collections.Counter(seen[epoch:]) == first and seen[:epoch] != seen[epoch:]


@pytest.mark.parametrize("start", [3, 8, 21])
def test_a_later_start_equals_skipping_batches(records, start):
    names = list(classes_present(records.parts[0]))
    repeats = [dict(zip(names, (1, 3, 1, 2, 1), strict=True))]
    whole = ids(training_batches(records, CROP, 1, seed=0, repeats=repeats), start + 6)
    late = ids(training_batches(records, CROP, 1, seed=0, start_step=start, repeats=repeats), 6)
    assert late == whole[start:]
