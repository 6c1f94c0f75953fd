"""Manifests and class maps with anything in the place of a value: read, or a `DataError`."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from mutations import fuzz

from tf_image_segmentation.datasets.class_map import ClassMap
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.manifest import Manifest, MixturePart, Shard, Split

INFO = DatasetInfo("pets", ("cat", "dog"), ((1, 2, 3), (4, 5, 6)), label_map={0: 1})
SHARD = Shard("train-00000-of-00001.tfrecord", 2, 100, "0" * 64)
SPLIT = Split(2, (3, 4), 5, (SHARD,), ("a",), {"b": "bad"})
PART = MixturePart("/data/pets", "pets", "0" * 64, 1.5, {"cat": "cat", "dog": None})
SEEDS: list[tuple[Any, Any]] = [
    (Manifest.read, Manifest(INFO, {"train": SPLIT}, {"max_pixels": 1000})),
    (Manifest.read, Manifest(INFO, {"train": Split(2, (3, 4), 5, ())}, parts=(PART,))),
]
CLASS_MAP = {"name": "a", "classes": {"cat": [1, 2, 3]}, "data_sets": {"pets": {"dog": "cat"}}}
ODD = st.one_of(
    st.sampled_from([None, True, -1, 2**70, 1e300, float("inf"), float("nan"), "", "\0", [], {}]),
    st.recursive(st.integers() | st.text(max_size=3), st.lists, max_leaves=4),
    st.integers(1, 5000).map(lambda depth: ("nested", depth)),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Returns the path of each value inside a JSON value."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [p for key, inner in items for p in [(*path, key), *places(inner, (*path, key))]]


def changed(fields: Any, data: st.DataObject) -> str:
    """Returns the text of the fields with one of them replaced or left out."""
    fields = copy.deepcopy(fields)
    *parents, last = data.draw(st.sampled_from(places(fields)))
    holder = fields
    for key in parents:
        holder = holder[key]
    if isinstance(holder, dict) and data.draw(st.booleans()):
        del holder[last]
        return json.dumps(fields)
    value = data.draw(ODD)
    if isinstance(value, tuple):
        holder[last] = "NESTED"
        return json.dumps(fields).replace('"NESTED"', "[" * value[1] + "]" * value[1])
    holder[last] = value
    return json.dumps(fields)


def check(read: Any, file: Path, argument: Path) -> None:
    try:
        found = read(argument)
    except DataError as error:
        assert str(file) in str(error)
        return
    if isinstance(found, Manifest):
        assert 0 < found.max_pixels < 2**31 // 3
        assert len(found.info.palette) == found.info.num_classes <= 256
        assert found.info.ignore_label not in range(found.info.num_classes)


@fuzz(60, data=st.data())
def test_manifests(tmp_path: Path, data: st.DataObject) -> None:  # fault 64
    read, manifest = data.draw(st.sampled_from(SEEDS))
    file = tmp_path / "manifest.json"
    file.write_text(changed(json.loads(manifest.to_json()), data))
    check(read, file, tmp_path)


@fuzz(60, data=st.data())
def test_class_maps(tmp_path: Path, data: st.DataObject) -> None:  # fault 64
    file = tmp_path / "map.json"
    file.write_text(changed(CLASS_MAP, data))
    check(ClassMap.read, file, file)


def test_the_seeds_are_read(tmp_path: Path) -> None:
    for read, manifest in SEEDS:
        (tmp_path / "manifest.json").write_text(manifest.to_json())
        assert read(tmp_path) == manifest
    (tmp_path / "map.json").write_text(json.dumps(CLASS_MAP))
    assert ClassMap.read(tmp_path / "map.json").info.num_classes == 1
