"""Images that are in two splits."""

from __future__ import annotations

import numpy as np
from measured import smooth, statistics_of

from tf_image_segmentation.inspection.near_duplicates import closest, find_pairs


def found(splits, max_distance=6):
    statistics = {
        split: statistics_of(
            split, [(image, np.zeros(image.shape[:2], np.uint8)) for image in images]
        )
        for split, images in splits.items()
    }
    return [
        (pair.first_id, pair.second_id, pair.distance, pair.equal)
        for pair in find_pairs(statistics, max_distance)
    ]


def test_the_closest_hash_equals_a_slow_search():
    rng = np.random.default_rng(0)
    hashes, others = rng.random((70, 64)) > 0.5, rng.random((1100, 64)) > 0.5
    others[5], others[1050] = hashes[60], ~hashes[3]
    nearest, distances = closest(hashes, others)
    slow = np.array([[np.sum(a != b) for a in hashes] for b in others])
    np.testing.assert_array_equal(distances, slow.min(axis=1))
    np.testing.assert_array_equal(nearest, slow.argmin(axis=1))
    assert (nearest[5], distances[5]) == (60, 0)


def test_equal_and_brighter_and_smaller_copies_are_found_across_splits():
    images = [smooth(seed) for seed in range(6)]
    brighter = (images[4] * 0.9 + 10).astype(np.uint8)
    smaller = images[2].reshape(24, 2, 32, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
    pairs = found({"train": images, "val": [smooth(9), brighter, images[3], smaller]})
    assert pairs[0] == ("train3", "val2", 0, True)
    assert {pair[:2] for pair in pairs[1:]} == {("train4", "val1"), ("train2", "val3")}
    assert [pair[2] for pair in pairs[1:]] == sorted(pair[2] for pair in pairs[1:])
    assert not any(pair[3] for pair in pairs[1:])


def test_copies_within_a_split_are_no_pairs():
    assert found({"train": [smooth(0), smooth(0)], "val": [smooth(1)]}) == []


def test_every_two_splits_are_compared():
    pairs = found({"train": [smooth(0)], "val": [smooth(0), smooth(1)], "test": [smooth(1)]})
    assert pairs == [("train0", "val0", 0, True), ("val1", "test0", 0, True)]


def test_the_distance_can_be_chosen():
    splits = {"train": [smooth(0)], "val": [smooth(0) // 2 + 40], "test": [smooth(5)]}
    assert [pair[:2] for pair in found(splits)] == [("train0", "val0")]
    assert found(splits, max_distance=-1) == []
    assert len(found(splits, max_distance=64)) == 3


def test_images_of_one_brightness_are_alike_only_if_they_are_equal():
    black, nearly, white = (np.full((40, 40, 3), value, np.uint8) for value in (0, 1, 255))
    assert found({"train": [black, white], "val": [nearly]}) == []
    assert found({"train": [black, white], "val": [white]}) == [("train1", "val0", 0, True)]


def test_equal_bytes_of_another_shape_are_not_equal():
    image = smooth(0)
    turned = image.reshape(image.shape[1], image.shape[0], 3)
    assert not any(pair[3] for pair in found({"train": [image], "val": [turned]}))


def test_a_split_without_images_has_no_pairs():
    assert found({"train": [], "val": [smooth(0)]}) == []
