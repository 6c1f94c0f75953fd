"""Parts of a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.subset import listed_samples, with_held_out
from tf_image_segmentation.errors import DataError


def samples(*ids: str) -> list[Sample]:
    return [Sample(i, Path(f"{i}.jpg"), Path(f"{i}.png")) for i in ids]


def ids(splits) -> dict[str, list[str]]:
    return {name: [sample.image_id for sample in found] for name, found in splits.items()}


def test_only_listed_samples_stay_in_their_order(tmp_path):
    (tmp_path / "ids.txt").write_text("d\nb\na\n")
    splits = {"train": samples("a", "b", "c"), "val": samples("d", "e")}
    assert ids(listed_samples(splits, tmp_path / "ids.txt")) == {"train": ["a", "b"], "val": ["d"]}


def test_a_split_without_a_listed_sample_is_left_out(tmp_path):
    (tmp_path / "ids.txt").write_text("a\n")
    splits = {"train": samples("a", "b"), "val": samples("d")}
    assert ids(listed_samples(splits, tmp_path / "ids.txt")) == {"train": ["a"]}


def test_a_listed_id_that_the_dataset_lacks_is_named(tmp_path):
    (tmp_path / "ids.txt").write_text("a\nz\n")
    with pytest.raises(DataError, match=r"ids\.txt: lists 1 ids that the dataset .* such as z"):
        listed_samples({"train": samples("a")}, tmp_path / "ids.txt")


def test_held_out_images_come_from_training_alone():
    splits = {"train": samples(*"abcdefgh"), "val": samples("x")}
    found = ids(with_held_out(splits, 3))
    assert len(found["val"]) == 3 and sorted(found["train"] + found["val"]) == list("abcdefgh")
    shuffled = {"train": splits["train"][::-1]}
    assert sorted(ids(with_held_out(shuffled, 3))["val"]) == sorted(found["val"])
    assert ids(with_held_out(splits, 3, seed=1))["val"] != found["val"]


@pytest.mark.parametrize("count", [0, 8, -1])
def test_something_must_be_left_to_train_on(count):
    with pytest.raises(DataError, match=f"--hold-out must be from 1 to 7, got {count}"):
        with_held_out({"train": samples(*"abcdefgh")}, count)
