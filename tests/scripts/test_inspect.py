"""The script that shows and checks records, run as a user runs it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from html_page import Page
from PIL import Image
from small_records import INFO as SMALL
from small_records import example, write_records

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.tfrecords import convert

INFO = DatasetInfo("tiny", ("background", "[cat]"), ((0, 0, 0), (250, 0, 0)), ignore_label=255)
Inspect = Callable[..., Any]


@pytest.fixture
def inspect(run_script: Inspect, monkeypatch: pytest.MonkeyPatch) -> Inspect:
    monkeypatch.setenv("COLUMNS", "120")
    return functools.partial(run_script, "inspect_tfrecords.py")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    splits: dict[str, list[Sample]] = {"train": [], "val": []}
    for number in range(4):
        image, mask = tmp_path / f"{number}.png", tmp_path / f"{number}_mask.png"
        Image.new("RGB", (20, 10), (0, 200, number)).save(image)
        labels = np.zeros((10, 20), np.uint8)
        labels[:, :5], labels[0] = 1, 255
        Image.fromarray(labels).save(mask)
        splits["train" if number < 3 else "val"].append(Sample(str(number), image, mask))
    convert(INFO, splits, tmp_path / "records", num_shards=2, workers=1, progress=False)
    return tmp_path / "records"


def rows(result: Any) -> list[list[str]]:
    lines = [line for line in result.stdout.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_counts_table_and_contact_sheet(inspect: Inspect, records: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    result = inspect(records, "--verify", "--contact-sheet", sheet, "--columns", 2)
    assert result.returncode == 0, result.stderr
    assert "train: 3 images in 2 files" in result.stdout
    assert "val: 1 images in 1 files" in result.stdout
    assert rows(inspect(records))[:3] == [
        ["0", "background", "405", "67.50%"],
        ["1", "[cat]", "135", "22.50%"],
        ["255", "ignored", "60", "10.00%"],
    ]
    # The pixels of each class stand once: with what else is known of all splits.
    assert [row for row in rows(result) if "[cat]" in row] == [
        ["[cat]", "22.50%", "3", "22.50%", "1"]
    ]
    assert "verified: every record is whole" in result.stdout
    picture = np.asarray(Image.open(sheet))
    # Half the image's green and half of the class color, the four images in two rows of two.
    cat = (picture[..., :2] == (125, 100)).all(-1) & (picture[..., 2] < 3)
    assert cat[: len(cat) // 2].any()
    assert cat[len(cat) // 2 :].any()


def test_a_page_with_all_figures(inspect: Inspect, records: Path, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    result = inspect(records, "--report", path)
    assert result.returncode == 0, result.stderr
    page = Page(path.read_text())
    assert page.row("[cat]") == ["22.50%", "3", "22.50%", "1"]
    assert next(row[1:] for row in page.rows if row[0] == "val") == ["right", "1", "-", "1", "200"]
    # Images of 10 x 20 pixels in one color, which is why they are not taken for copies.
    assert "warning: small: 4 images" in result.stdout
    assert "warning: featureless: 4 images" in result.stdout


def test_images_in_two_splits_are_found(inspect: Inspect, tmp_path: Path) -> None:
    pairs = [example(40, 60, seed) for seed in range(3)]
    records = write_records(tmp_path, {"train": pairs, "val": pairs[1:2]}, num_shards=1)
    assert inspect(records).returncode == 0  # at once, without looking into every record
    result = inspect(records, "--verify")
    assert result.returncode == 1
    assert "error: duplicates: 1 image" in result.stderr
    assert "val val0 = train train1" in result.stderr
    assert "verified: every record is whole" in result.stdout
    assert inspect(records, "--verify", "--allow", "duplicates").returncode == 0


def test_all_faults_are_told_at_once(inspect: Inspect, tmp_path: Path) -> None:  # fault 34
    splits = {"train": [example(40, 60, 1)], "val": [example(40, 60, 2), example(40, 60, 3)]}
    info = replace(SMALL, splits={"train": 3, "val": 2})
    records = write_records(tmp_path, splits, num_shards=1, info=info)
    (records / "val-00000-of-00001.tfrecord").unlink()
    for options in ([], ["--verify"]):
        result = inspect(records, *options)
        assert result.returncode == 1
        assert "error: unlisted: 1 split" in result.stderr
        assert "val-00000-of-00001.tfrecord: missing" in result.stderr
        assert "train: 1, published 3" in result.stderr
        assert "train: 1 images in 1 files" in result.stdout


def test_damage_ends_with_exit_code_1(inspect: Inspect, records: Path) -> None:  # fault 33
    path = records / "train-00001-of-00002.tfrecord"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    result = inspect(records, "--verify")
    assert result.returncode == 1
    assert "error: " in result.stderr
    assert "train-00001-of-00002.tfrecord: record 0: " in result.stderr
    assert "verified" not in result.stdout


def test_unknown_split(inspect: Inspect, records: Path) -> None:  # fault 28
    result = inspect(records, "--split", "test")
    assert result.returncode == 1
    assert "'train', 'val'" in result.stderr


def test_classic_file_has_unknown_classes(inspect: Inspect, tmp_path: Path) -> None:  # fault 62
    values: dict[str, Any] = {"height": 2, "width": 3}
    feature = {
        key: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for key, value in values.items()
    }
    for key, raw in {"image_raw": bytes(18), "mask_raw": bytes([0, 0, 37, 37, 37, 255])}.items():
        feature[key] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[raw]))
    path, sheet = tmp_path / "pascal.tfrecords", tmp_path / "sheet.png"
    with tf.io.TFRecordWriter(str(path)) as writer:
        example = tf.train.Example(features=tf.train.Features(feature=feature))
        writer.write(example.SerializeToString())
    result = inspect(path, "--contact-sheet", sheet)
    assert result.returncode == 0, result.stderr
    assert "pascal.tfrecords: 1 images in 1 files" in result.stdout
    assert "raw schema" in result.stdout
    assert [row[1:3] for row in rows(result)] == [
        ["unknown 0", "2"],
        ["unknown 37", "3"],
        ["unknown 255", "1"],
    ]
    assert Image.open(sheet).mode == "RGB"
