"""Mixtures: what they write down, what comes out of them, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_records import INFO, example, write_records

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords import Manifest, open_records, write_mixture

BARN = DatasetInfo("barn", ("dog [black]", "cow", "sky"), ((0, 0, 0),) * 3, ignore_label=255)
CLASS_MAP = {
    "name": "animals",
    "classes": {"ground": [9, 9, 9], "animal": [255, 0, 0]},
    "ignore_label": 100,
    "data_sets": {
        "small": {"background": "ground", "cat": "animal", "dog [black]": "animal"},
        "barn": {"dog [black]": "animal", "cow": "animal", "sky": None},
    },
}
# What the class map says, by hand: label of the part -> label of the mixture.
SMALL_TO_MIXED = {0: 0, 1: 1, 2: 1, 255: 100}
BARN_TO_MIXED = {0: 1, 1: 1, 2: 100, 255: 100}


def pairs(count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [example(10 + number, 12, seed + number) for number in range(count)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small/records (5 + 2), barn/records (4, no val), and map.json."""
    folder = tmp_path_factory.mktemp("made")
    write_records(folder / "small", {"train": pairs(5, 0), "val": pairs(2, 50)}, num_shards=2)
    write_records(folder / "barn", {"train": pairs(4, 90)}, num_shards=1, info=BARN)
    (folder / "map.json").write_text(json.dumps(CLASS_MAP))
    return folder


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "data"))


def mix(data: Path, **changes: Any) -> Manifest:
    arguments: dict[str, Any] = {
        "folders": [data / "small" / "records", data / "barn" / "records"],
        "class_map_file": data / "map.json",
        "weights": [3, 1],
        "output_dir": data / "mixed",
    }
    return write_mixture(**{**arguments, **changes})


def mapped(path: Path, split: str, table: dict[int, int]) -> list[tuple[str, Any]]:
    """What a part's records become, pixel by pixel."""
    return [
        (image_id, [[table[int(label)] for label in row] for row in mask])
        for _, mask, image_id in open_records(path, split).examples()
    ]


def found(records: Any, **share: int) -> list[tuple[str, Any]]:
    return [(image_id, mask.tolist()) for _, mask, image_id in records.examples(**share)]


@pytest.mark.parametrize("split", ["train", "val"])
def test_masks_come_out_in_the_classes_of_the_mixture(data: Path, split: str) -> None:
    mix(data)
    expected = mapped(data / "small" / "records", split, SMALL_TO_MIXED)
    if split != "val":
        expected += mapped(data / "barn" / "records", split, BARN_TO_MIXED)
    records = open_records(data / "mixed", split)
    assert records.num_examples == len(expected) == {"train": 9, "val": 2}[split]
    assert found(records) == expected
    parsed = records.dataset().map(records.parse).as_numpy_iterator()
    masks = [(example.image_id.decode(), example.mask.tolist()) for example in parsed]
    assert masks == expected
    pixels = records.verify()
    labels = [label for _, mask in expected for row in mask for label in row]
    assert pixels.tolist() == np.bincount(labels, minlength=256).tolist()
    counts = records.manifest.splits[split]
    assert counts.class_pixels == tuple(pixels[:2])
    assert (counts.ignored_pixels, counts.examples) == (pixels[100], len(expected))


def test_workers_share_the_examples(data: Path) -> None:
    mix(data)
    records = open_records(data / "mixed", "train")
    shares = [found(records, worker=worker, workers=2) for worker in range(2)]
    assert [len(share) for share in shares] == [5, 4]
    assert [shares[n % 2][n // 2] for n in range(9)] == found(records)


def test_all_splits_at_once(data: Path) -> None:
    mix(data)
    names = [file.name.split("-")[0] for file in open_records(data / "mixed").files]
    assert names == ["train", "train", "val", "val", "train"]


def test_the_manifest_records_it(data: Path) -> None:
    manifest = mix(data)
    assert manifest == Manifest.read(data / "mixed") == open_records(data / "mixed").manifest
    fields = json.loads((data / "mixed" / "manifest.json").read_text())
    assert fields["dataset"]["class_names"] == ["ground", "animal"]
    assert fields["dataset"]["palette"] == [[9, 9, 9], [255, 0, 0]]
    assert fields["dataset"]["splits"] == {}, "none is published"
    small, barn = fields["parts"]
    own = (data / "small" / "records" / "manifest.json").read_bytes()
    assert small == {
        "folder": "../small/records",
        "data_set": "small",
        "manifest_sha256": hashlib.sha256(own).hexdigest(),
        "weight": 3.0,
        "class_map": CLASS_MAP["data_sets"]["small"],
    }
    assert (barn["weight"], barn["class_map"]["sky"]) == (1.0, None)


def test_a_mixture_moves_with_its_folders(data: Path) -> None:
    mix(data)
    moved = data.rename(data.with_name("elsewhere"))
    link = moved.with_name("link")
    link.symlink_to(moved / "mixed")
    assert open_records(link, "train").num_examples == 9


def test_without_weights_each_example_is_as_likely(data: Path) -> None:
    assert [part.weight for part in mix(data, weights=None).parts] == [5.0, 4.0]


def test_equal_classes_need_no_class_map(data: Path) -> None:
    turned = replace(
        INFO, name="turned", class_names=INFO.class_names[::-1], ignore_label=None, splits={}
    )
    masks = [(image, mask % 3) for image, mask in pairs(2, 7)]
    folder = write_records(data / "turned", {"train": masks}, num_shards=1, info=turned)
    manifest = mix(data, folders=[data / "small" / "records", folder], class_map_file=None)
    assert (manifest.info.name, manifest.info.class_names) == ("small+turned", INFO.class_names)
    expected = mapped(data / "small" / "records", "train", {n: n for n in (0, 1, 2, 255)})
    expected += mapped(folder, "train", {0: 2, 1: 1, 2: 0})
    assert found(open_records(data / "mixed", "train")) == expected


def test_two_folders_of_one_data_set(data: Path) -> None:
    copy = shutil.copytree(data / "small", data / "again") / "records"
    manifest = mix(data, folders=[data / "small" / "records", copy], class_map_file=None)
    assert (manifest.info.name, manifest.splits["train"].examples) == ("small", 10)


def test_other_classes_want_a_class_map(data: Path) -> None:
    with pytest.raises(DataError, match=r"barn/records: its classes .*cow.* class map file"):
        mix(data, class_map_file=None)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1], "1 sampling weights for 2 record folders; give one for each"),
        ([1, 0], r"sampling weights must be above 0 and finite, got \[1, 0\]"),
        ([1, float("nan")], "must be above 0"),
        ([float("inf"), 1], "must be above 0"),
    ],
)
def test_weights_that_are_none(data: Path, weights: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        mix(data, weights=weights)
    assert not (data / "mixed").exists()


def test_folders_that_cannot_be_mixed(data: Path) -> None:
    small = data / "small" / "records"
    mix(data)
    for folders, words in [
        ([small, data / "small", data / "no"], r"data/small, .*data/no: no folder with a manifest"),
        ([small, str(small / "train-00000-of-00002.tfrecord")], "no folder with a manifest"),
        ([small, data / "small" / ".." / "small" / "records"], "named twice; raise its sampling"),
        ([small, data / "mixed"], r"mixed: is a mixture itself; name its folders .*barn/records"),
    ]:
        with pytest.raises(DataError, match=words):
            mix(data, folders=folders)
    val = write_records(data / "val", {"val": pairs(1, 0)}, num_shards=1)
    with pytest.raises(DataError, match=r"no 'train' split, only val"):
        mix(data, folders=[small, val])


def test_records_are_not_overwritten_and_a_mixture_is(data: Path) -> None:
    small = data / "small" / "records"
    before = (small / "manifest.json").read_bytes()
    with pytest.raises(DataError, match="holds records; a mixture needs another folder"):
        mix(data, output_dir=small)
    assert (small / "manifest.json").read_bytes() == before
    mix(data)
    mix(data, weights=[1, 2])
    assert [part.weight for part in Manifest.read(data / "mixed").parts] == [1.0, 2.0]
    assert [path.name for path in (data / "mixed").iterdir()] == ["manifest.json"]


def test_parts_that_changed_or_went_are_all_named(data: Path) -> None:
    mix(data)
    manifest = data / "small" / "records" / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    shutil.rmtree(data / "barn")
    with pytest.raises(DataError) as error:
        open_records(data / "mixed", "val")
    assert f"{manifest}: changed since the mixture was made" in str(error.value)
    assert f"{data}/barn/records/manifest.json: missing" in str(error.value)


def test_a_damaged_record_is_named(data: Path) -> None:  # fault 33
    mix(data)
    records = open_records(data / "mixed", "train")
    content = bytearray(records.files[2].read_bytes())
    content[len(content) // 2] ^= 1
    records.files[2].write_bytes(content)
    with pytest.raises(DataError, match=r"barn/records/train-00000-of-00001.tfrecord: record"):
        records.verify()


def lose_a_class(folder: Path) -> None:
    """Lets a manifest know one class less than the masks have."""
    fields = json.loads((folder / "manifest.json").read_text())
    for name in ("class_names", "palette"):
        fields["dataset"][name].pop()
    for split in fields["splits"].values():
        split["class_pixels"].pop()
    (folder / "manifest.json").write_text(json.dumps(fields))


def test_labels_that_are_no_class_of_their_part_stay_errors(data: Path) -> None:
    # faults 40 and 55: label 2 of the barn's masks is no class any more
    lose_a_class(data / "barn" / "records")
    del (class_map := json.loads(json.dumps(CLASS_MAP)))["data_sets"]["barn"]["sky"]
    (data / "map.json").write_text(json.dumps(class_map))
    mix(data)
    records = open_records(data / "mixed", "train")
    words = r"barn/records/train-00000-of-00001.tfrecord: record 0: .*neither a class nor .*: 2\]"
    with pytest.raises(DataError, match=words):
        list(records.examples())
    with pytest.raises(DataError, match=words):
        records.verify()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("parts", 0, "weight"), -1),
        (("parts", 0, "weight"), "2"),
        (("parts", 0, "class_map", "cat"), "unicorn"),
        (("parts", 0, "class_map"), None),
        (("parts", 0, "folder"), None),
        (("parts", 0, "other"), 1),
        (("parts",), 3),
    ],
)
def test_damaged_manifest(data: Path, path: tuple[Any, ...], value: Any) -> None:
    mix(data)
    file = data / "mixed" / "manifest.json"
    fields = json.loads(file.read_text())
    place = fields
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(fields))
    with pytest.raises(DataError, match=r"manifest\.json: .*(parts|has no classes)"):
        open_records(data / "mixed")


def test_a_class_that_the_manifest_lost_its_place_for(data: Path) -> None:
    mix(data)
    file = data / "mixed" / "manifest.json"
    fields = json.loads(file.read_text())
    del fields["parts"][1]["class_map"]["cow"]
    file.write_text(json.dumps(fields))
    with pytest.raises(DataError, match=r"barn/records: the mixture has no place for all"):
        open_records(data / "mixed")


def test_the_manifest_of_a_data_set_alone_says_nothing_of_parts(data: Path) -> None:
    text = (data / "small" / "records" / "manifest.json").read_text()
    assert "parts" not in json.loads(text)
    assert Manifest.read(data / "small" / "records").to_json() == text
