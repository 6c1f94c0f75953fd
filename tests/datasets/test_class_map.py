"""The class map file: what it may say, and what it makes of labels."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tf_image_segmentation.datasets.class_map import (
    REFUSED,
    ClassMap,
    make_label_table,
    map_pixels,
)
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sets.camvid import INFO as CAMVID
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.schema import map_labels

PETS = DatasetInfo("pets", ("floor", "cat", "dog"), ((0, 0, 0), (9, 0, 0), (0, 9, 0)), 255)
BARN = DatasetInfo("barn", ("dog", "cow"), ((0, 9, 0), (0, 0, 9)), 7)
FIELDS: dict[str, Any] = {
    "name": "animals",
    "classes": {"animal": [255, 0, 0], "dog": [0, 255, 0]},
    "ignore_label": 200,
    "data_sets": {"pets": {"floor": None, "cat": "animal"}, "barn": {"cow": "animal"}},
}


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """write(field=value, ...) -> a class map file with those fields replaced."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "map.json"
        path.write_text(json.dumps({**FIELDS, **changes}))
        return path

    return write


def test_classes_go_where_the_file_says_or_to_their_own_name(write: Any) -> None:
    class_map = ClassMap.read(write())
    assert class_map.info == DatasetInfo(
        "animals", ("animal", "dog"), ((255, 0, 0), (0, 255, 0)), 200
    )
    assert class_map.places([PETS, BARN, PETS]) == [
        {"floor": None, "cat": "animal", "dog": "dog"},
        {"dog": "dog", "cow": "animal"},
        {"floor": None, "cat": "animal", "dog": "dog"},
    ]


def test_the_example_in_the_documentation(repository: Path, tmp_path: Path) -> None:
    text = (repository / "docs" / "reference" / "class_map.md").read_text()
    (example,) = re.findall(r"^```json\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    path = tmp_path / "places.json"
    path.write_text(example)
    rooms = DatasetInfo("rooms", ("wall", "window", "door"), ((0, 0, 0),) * 3)
    class_map = ClassMap.read(path)
    camvid, of_rooms = class_map.places([CAMVID, rooms])
    assert of_rooms == {"wall": "building", "window": "window", "door": "window"}
    assert camvid["road"] == "ground" and camvid["building"] == "building"
    assert class_map.info.ignore_label == 255


def test_the_ignore_label_is_255_unless_given(write: Any) -> None:
    path = write()
    path.write_text(json.dumps({k: v for k, v in FIELDS.items() if k != "ignore_label"}))
    assert ClassMap.read(path).info.ignore_label == 255


def test_all_classes_without_a_place_are_listed(write: Any) -> None:
    with pytest.raises(DataError) as error:
        ClassMap.read(write(data_sets={})).places([PETS, BARN])
    assert "pets: floor; pets: cat; barn: cow have no place; give each a class" in str(error.value)
    assert "or null to ignore its pixels" in str(error.value)


@pytest.mark.parametrize(
    ("data_sets", "words"),
    [
        ({"pet": {}, "frm": {}}, r"pet; frm: no record folder is of this dataset.*barn, pets"),
        ({"pets": {"cta": None, "horse": "dog"}}, r"pets has no classes cta; horse; its classes"),
    ],
)
def test_names_that_nothing_has_are_errors(write: Any, data_sets: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        ClassMap.read(write(data_sets=data_sets)).places([PETS, BARN])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clases": {}}, "unknown field `clases`"),
        ({"name": 3}, r"name: expected str, got int"),
        ({"name": ""}, "name: expected str of length >= 1"),
        ({"classes": {}}, "classes: expected object of length >= 1"),
        ({"classes": ["cat"]}, r"classes: expected object, got array"),
        ({"classes": {"": [1, 2, 3]}}, "a key of classes: expected str of length >= 1"),
        ({"classes": {"a": [1, 2]}}, "color of 'a' in classes: expected array of length 3"),
        ({"classes": {"a": [1, 2, True]}}, "color of 'a' in classes: .*expected int, got bool"),
        ({"classes": {"b": [1, 2, 256]}}, "color of 'b' in classes: .*expected int <= 255"),
        ({"classes": {str(n): [0, 0, 0] for n in range(256)}}, "of length <= 255"),
        ({"ignore_label": 1}, '"ignore_label" must be from 2.*to 255, got 1'),
        ({"ignore_label": None}, "ignore_label: expected int, got null"),
        ({"data_sets": {"pets": None}}, r"data_sets.*: expected object, got null"),
        ({"data_sets": {"pets": {"cat": "anmal", "dog": "x"}}}, "pets: cat -> .anmal.; pets: dog"),
        ({"data_sets": {"pets": {"cat": "cow"}}}, "choose from animal, dog, or null"),
        ({"data_sets": {"pets": {"cat": 1}}}, r"expected str \| null, got int"),
    ],
)
def test_what_is_no_class_map(write: Any, changes: Any, words: str) -> None:
    path = write(**changes)
    with pytest.raises(DataError, match=words) as error:
        ClassMap.read(path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"name": "a", "name": "b"}', "'name' occurs twice"),
        ('{"data_sets": {"pets": {"cat": null, "cat": "dog"}}}', "'cat' occurs twice"),
        ("{", "not usable as JSON"),
        ("[" * 100_000, "not usable as JSON"),
        ("[]", "expected object, got array"),
    ],
)
def test_what_is_no_json_object(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "map.json"
    with pytest.raises(DataError, match=r"map\.json: no such file"):
        ClassMap.read(path)
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        ClassMap.read(path)


def test_label_tables_equal_a_slow_look_up_by_name() -> None:
    random.seed(0)
    for _ in range(20):
        part, wanted = random.randint(1, 255), random.randint(1, 255)
        part_info = described("p", part, random.choice([None, 255, random.randint(part, 255)]))
        info = described("q", wanted, random.randint(wanted, 255))
        places = {
            name: random.choice([None, random.choice(info.class_names)])
            for name in part_info.class_names
        }
        expected = []
        for value in range(256):
            if value < part:
                target = places[f"p{value}"]
                expected.append(info.ignore_label if target is None else int(target[1:]))
            else:
                known = value == part_info.ignore_label
                expected.append(info.ignore_label if known else REFUSED)
        assert make_label_table(part_info, places, info) == tuple(expected)


def described(letter: str, count: int, ignore_label: int | None) -> DatasetInfo:
    names = tuple(f"{letter}{number}" for number in range(count))
    return DatasetInfo(letter, names, ((0, 0, 0),) * count, ignore_label)


def test_masks_and_pixel_counts_go_through_the_table() -> None:
    places = {"floor": None, "cat": "animal", "dog": "dog"}
    info = replace(PETS, class_names=("animal", "dog"), palette=((0, 0, 0),) * 2, ignore_label=200)
    table = make_label_table(PETS, places, info)
    mask = np.array([[0, 1, 2], [255, 2, 2]], np.uint8)
    mapped = map_labels(tf.constant(mask), table, "r").numpy()
    assert (mapped.tolist(), mapped.dtype) == ([[200, 0, 1], [200, 1, 1]], np.uint8)
    counts = map_pixels(np.bincount(mask.ravel(), minlength=256), table)
    assert counts.tolist() == np.bincount(mapped.ravel(), minlength=256).tolist()


def test_a_label_that_is_none_is_refused_before_it_is_mapped() -> None:  # fault 40
    # 7 would be a class of the mixture, and is what other parts ignore.
    info = described("q", 10, 255)
    table = make_label_table(PETS, dict.fromkeys(PETS.class_names, "q7"), info)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"r1: label ids .*: 7, 254"):
        map_labels(tf.constant([254, 0, 255, 7, 7], tf.uint8), table, "r1")
