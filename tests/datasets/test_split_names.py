from __future__ import annotations

import pytest

from tf_image_segmentation.datasets.split_names import known_split, renamed, usual_names
from tf_image_segmentation.errors import DataError


def test_names_of_tools_become_those_of_training():
    assert usual_names({"Train": 1, "valid": 2, "testing": 3, "day": 4}) == {
        "train": 1,
        "val": 2,
        "test": 3,
        "day": 4,
    }
    assert usual_names({"val": 1, "valid": 2}) == {"val": 1, "valid": 2}, "two are not mixed"
    assert known_split("default") is None


def test_splits_get_other_names():
    assert renamed({"a": 1, "b": 2}, ["a=b", "b=a"]) == {"b": 1, "a": 2}
    for changes, words in {
        ("a",): "write OLD=NEW",
        ("a=../x",): "write OLD=NEW",
        ("c=d",): "no such split, only a, b",
        ("a=b",): "two splits would be called b",
    }.items():
        with pytest.raises(DataError, match=words):
            renamed({"a": 1, "b": 2}, changes)
