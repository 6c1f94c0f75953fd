"""Data of one's own, converted as a user does it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.cli.dataset_choice import add_dataset_arguments, chosen_dataset
from tf_image_segmentation.tfrecords import Manifest, read_examples

Run = Callable[..., Any]
INSIDE = np.kron(np.array([[0, 1], [1, 0]], np.uint8), np.ones((10, 12), np.uint8))


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    root = tmp_path / "rooms"
    for number, split in enumerate(("train", "train", "val")):
        for folder in ("images", "masks"):
            (root / folder / split).mkdir(parents=True, exist_ok=True)
        color = Image.new("RGB", (24, 20), (number, 90, 90))
        color.save(root / "images" / split / f"{number}.png")
        Image.fromarray(255 * INSIDE).save(root / "masks" / split / f"{number}.png")
    (root / "classes.csv").write_text("name,color\nwall,#808080\nwindow,#0080ff\n")
    return root


def test_a_folder(run_script: Run, rooms: Path, tmp_path: Path) -> None:
    options = ["folder", "--root", rooms, "--output-dir", tmp_path / "out", "--workers", 1]
    result = run_script("convert_dataset.py", *options)
    assert result.returncode == 1
    assert "0.png: has a single channel, but dataset 'rooms' declares RGB masks" in result.stderr
    assert not (tmp_path / "out").exists()
    result = run_script("convert_dataset.py", *options, "--mask-encoding", "binary_255")
    assert result.returncode == 0, result.stderr
    assert "train: 2 images in 2 files\nval: 1 images in 1 files\n" in result.stdout
    manifest = Manifest.read(tmp_path / "out")
    assert manifest.info.class_names == ("wall", "window")
    assert manifest.info.palette == ((128, 128, 128), (0, 128, 255))
    assert manifest.splits["train"].class_pixels == (480, 480)
    ((image, mask, image_id),) = read_examples(tmp_path / "out", "val")
    assert (image_id, image[0, 0, 0]) == ("2", 2)
    np.testing.assert_array_equal(mask, INSIDE)


def test_the_end_of_a_conversion_says_which_classes_were_found(
    run_script: Run, rooms: Path, tmp_path: Path
) -> None:
    (rooms / "classes.csv").write_text("name,id\nwall,0\nwindow,255\ndoor,7\nvoid,9\n")
    for folder in ("images", "masks"):
        (rooms / folder / "val").rename(rooms / folder / "holdout")
    void = np.where(INSIDE == 0, np.uint8(9), np.uint8(255))
    Image.fromarray(void).save(rooms / "masks/train/0.png")
    options = ["--root", rooms, "--output-dir", tmp_path / "out", "--workers", 1]
    result = run_script("convert_dataset.py", "folder", *options)
    assert result.returncode == 0, result.stderr
    classes = "wall 33.3%, window 50.0%, ignored 16.7%; nowhere: door"
    assert f"dataset 'rooms', 3 classes: {classes}\n" in result.stdout
    assert (
        "there is no val (only holdout, train); without val it does not validate" in result.stdout
    )


@pytest.mark.parametrize(
    ("root", "options", "name"),
    [
        ("rooms", [], "rooms"),
        ("scans.csv", [], "scans"),
        ("camvid", [], "camvid_folder"),
        ("rooms", ["--dataset-name", "halls"], "halls"),
    ],
)
def test_own_data_is_known_by_the_name_of_its_root(
    rooms: Path, root: str, options: list[str], name: str
) -> None:
    path = rooms if root == "rooms" else rooms.rename(rooms.with_name("camvid"))
    layout = "folder"
    if root == "scans.csv":
        layout, path = "csv", path / root
        lines = ["image,mask", "images/val/2.png,masks/val/2.png"]
        path.write_text("\n".join(lines))
    parser = argparse.ArgumentParser()
    add_dataset_arguments(parser)
    arguments = parser.parse_args([layout, "--root", str(path), *options])
    _, (info, splits) = chosen_dataset(arguments)
    assert (info.name, info.splits) == (name, {})
    assert "train" in splits


def test_all_that_is_missing_is_listed_before_anything_is_written(
    run_script: Run, rooms: Path, tmp_path: Path
) -> None:  # fault 20
    (rooms / "masks/train/0.png").unlink()
    (rooms / "images/val/2.png").unlink()
    options = ["folder", "--root", rooms, "--output-dir", tmp_path / "out"]
    result = run_script("convert_dataset.py", *options)
    assert result.returncode == 1
    assert "files of 2 samples are missing" in result.stderr
    assert f"{rooms}/masks/train/0.png: missing" in result.stderr
    assert f"{rooms}/images/val/2.jpg: missing" in result.stderr
    assert not (tmp_path / "out").exists()


def test_tiff_images_of_sixteen_bits(run_script: Run, tmp_path: Path) -> None:
    # fault 4
    values = np.array([[900, 1000, 1500], [2000, 65535, 0]], np.uint16)
    Image.fromarray(values).save(tmp_path / "scan.tif")
    Image.fromarray(np.array([[0, 50, 100], [0, 0, 0]], np.uint8)).save(tmp_path / "scan.png")
    (tmp_path / "classes.csv").write_text("name;id\nair;0\nbone;100\nskin;50\n")
    (tmp_path / "scans.csv").write_text("image;mask\nscan.tif;scan.png\n")
    options = ["csv", "--root", tmp_path / "scans.csv", "--output-dir", tmp_path / "out"]
    options += ["--workers", 1]
    result = run_script("convert_dataset.py", *options)
    assert result.returncode == 1
    assert "scan.tif: is a 16-bit image; give intensity_range=(low, high) (--intensity-range)" in (
        result.stderr
    )
    result = run_script("convert_dataset.py", *options, "--intensity-range", 2000, 1000)
    assert result.stderr == (
        "error: --intensity-range 2000 1000: the first must be below the second\n"
    )
    result = run_script("convert_dataset.py", *options, "--intensity-range", 1000, 2000)
    assert result.returncode == 0, result.stderr
    ((image, mask, _),) = read_examples(tmp_path / "out", "train")
    gray = np.array([[0, 0, 128], [255, 255, 0]], np.uint8)  # 127.5 goes to the even number
    np.testing.assert_array_equal(image, np.repeat(gray[:, :, None], 3, axis=2))
    np.testing.assert_array_equal(mask, [[0, 2, 1], [0, 0, 0]])
    assert Manifest.read(tmp_path / "out").source["intensity_range"] == [1000.0, 2000.0]


def test_labelme_files_with_shapes_that_cannot_be_drawn(run_script: Run, tmp_path: Path) -> None:
    root = tmp_path / "labeled"
    root.mkdir()
    Image.new("RGB", (24, 20)).save(root / "photo.png")
    for name, kind in (("a", "rectangle"), ("b", "linestrip")):
        shape = {"label": "rope", "shape_type": kind, "points": [[0, 0], [3, 0]]}
        content = {"imagePath": "photo.png", "imageHeight": 20, "imageWidth": 24, "shapes": [shape]}
        (root / f"{name}.json").write_text(json.dumps(content))
    options = ["labelme", "--root", root, "--output-dir", tmp_path / "out", "--workers", 1]
    result = run_script("convert_dataset.py", *options)
    assert result.returncode == 1
    assert "b.json: shape 0 (rope): is of type 'linestrip'" in result.stderr
    result = run_script("convert_dataset.py", *options, "--skip-bad")
    assert result.returncode == 0, result.stderr
    split = Manifest.read(tmp_path / "out").splits["train"]
    assert split.class_pixels == (476, 4)
    assert "'linestrip'" in split.skipped["b"]


def test_coco_polygons(run_script: Run, tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    root = tmp_path / "coco"
    (root / "annotations").mkdir(parents=True)
    (root / "train2017").mkdir()
    Image.new("RGB", (24, 20)).save(root / "train2017/photo.jpg")
    content = {
        "images": [{"id": 5, "file_name": "photo.jpg", "height": 20, "width": 24}],
        "categories": [{"id": 90, "name": "dog"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 5,
                "category_id": 90,
                "segmentation": [[2, 3, 10, 3, 10, 7, 2, 7]],
            }
        ],
    }
    (root / "annotations/instances_train2017.json").write_text(json.dumps(content))
    options = ["coco", "--root", root, "--output-dir", tmp_path / "out", "--workers", 1]
    result = run_script("convert_dataset.py", *options)
    assert result.returncode == 0, result.stderr
    ((_, mask, image_id),) = read_examples(tmp_path / "out", "train")
    expected = np.zeros((20, 24))
    expected[3:7, 2:10] = 1
    np.testing.assert_array_equal(mask, expected)
    assert image_id == "photo"


def paint(root: Path, count: int, names: str = "{}") -> None:
    """Adds images that look unlike each other, each third with a window."""
    rng = np.random.default_rng(count)
    for number in range(count):
        for folder in ("images", "masks"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3)).astype(np.uint8))
        name = names.format("abcdefghijklmno"[number])
        coarse.resize((24, 20), Image.Resampling.BICUBIC).save(root / "images" / f"{name}.png")
        Image.fromarray(INSIDE * (number % 3 == 0)).save(root / "masks" / f"{name}.png")
    (root / "classes.csv").write_text("name,id\nwall,0\nwindow,1\n")


def converted(folder: Path) -> dict[str, set[str]]:
    splits = Manifest.read(folder).splits
    return {split: {example[2] for example in read_examples(folder, split)} for split in splits}


def test_a_split_is_made(run_script: Run, tmp_path: Path) -> None:
    paint(tmp_path / "set", 15)
    options = ["auto", "--root", tmp_path / "set", "--workers", 1]
    out = tmp_path / "out"
    result = run_script("convert_dataset.py", *options, "--output-dir", out, "--split", "80/20")
    assert result.returncode == 0, result.stderr
    splits = converted(out)
    assert {name: len(ids) for name, ids in splits.items()} == {"train": 12, "val": 3}
    assert not splits["train"] & splits["val"]
    manifest = Manifest.read(out)
    assert manifest.splits["val"].class_pixels[1] == 240, "one of three has a window"
    assert (manifest.source["split"], manifest.source["split_seed"]) == ("80/20", 0)
    three = ["--output-dir", tmp_path / "three", "--split", "60/20/20", "--group", "."]
    result = run_script("convert_dataset.py", *options, *three)
    assert result.returncode == 0, result.stderr
    assert {n: len(i) for n, i in converted(tmp_path / "three").items()} == {
        "train": 9,
        "val": 3,
        "test": 3,
    }


def test_folds_are_made(run_script: Run, tmp_path: Path) -> None:
    paint(tmp_path / "set", 15)
    options = ["folder", "--root", tmp_path / "set", "--workers", 1]
    out = tmp_path / "out"
    result = run_script("convert_dataset.py", *options, "--output-dir", out, "--folds", 3)
    assert result.returncode == 0, result.stderr
    folds = [converted(out / f"fold_{number}") for number in (1, 2, 3)]
    assert all(not fold["train"] & fold["val"] for fold in folds)
    assert all(len(fold["train"] | fold["val"]) == 15 for fold in folds)
    assert set.union(*(fold["val"] for fold in folds)) == folds[0]["train"] | folds[0]["val"]
    listed = json.loads((out / "folds.json").read_text())["folds"]
    assert {name: set(ids) for name, ids in listed.items()} == {
        f"fold_{number}": fold["val"] for number, fold in enumerate(folds, 1)
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--split", "80"], "--split 80: write shares of 100, such as 80/20"),
        (["--split", "80/30"], "--split 80/30: write shares"),
        (["--split", "120/-20"], "write shares"),
        (["--split", "80/20", "--folds", 3], "--split and --folds exclude each other"),
        (["--folds", 1], "--folds must be 2 to 20, got 1"),
        (["--group", "x"], "--group says what --split or --folds keep together"),
        (["--rename-split", "a=b"], "--rename-split a=b: there is no such split, only train"),
        (["--rename-split", "train=.."], "write OLD=NEW"),
        (["--boxes", "fill"], "--boxes: is no option of the dataset 'folder'; leave it out"),
    ],
)
def test_options_that_make_no_sense(
    run_script: Run, tmp_path: Path, options: list[Any], words: str
) -> None:
    paint(tmp_path / "set", 3)
    always = ["folder", "--root", tmp_path / "set", "--output-dir", tmp_path / "out"]
    result = run_script("convert_dataset.py", *always, "--workers", 1, *options)
    assert result.returncode == 1 and words in result.stderr
    assert not (tmp_path / "out").exists()


def test_splits_are_renamed_and_never_mixed(run_script: Run, rooms: Path, tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (rooms / folder / "val").rename(rooms / folder / "holdout")
    options = ["folder", "--root", rooms, "--output-dir", tmp_path / "out", "--workers", 1]
    options += ["--mask-encoding", "binary_255"]
    result = run_script("convert_dataset.py", *options, "--split", "50/50")
    assert "--split would mix the splits holdout, train; choose one" in result.stderr
    result = run_script("convert_dataset.py", *options, "--rename-split", "holdout=val")
    assert result.returncode == 0, result.stderr
    assert converted(tmp_path / "out") == {"train": {"0", "1"}, "val": {"2"}}
    options += ["--overwrite", "--rename-split", "holdout=train"]
    result = run_script("convert_dataset.py", *options)
    assert "two splits would be called train" in result.stderr


def test_a_foreground_taken_for_ignored_is_warned_of(
    run_script: Run, rooms: Path, tmp_path: Path
) -> None:  # fault 74
    (rooms / "classes.csv").write_text("name\nwall\nwindow\ndoor\n")
    options = ["folder", "--root", rooms, "--output-dir", tmp_path / "out", "--workers", 1]
    result = run_script("convert_dataset.py", *options)
    assert result.returncode == 0, result.stderr
    assert "warning: masks hold 'wall' alone, and beside it 720 ignored pixels" in result.stdout


def test_sixteen_bits_and_long_lists_are_told_once(run_script: Run, tmp_path: Path) -> None:
    # faults 76 and 77
    paint(tmp_path / "set", 3)
    for path in (tmp_path / "set/images").iterdir():
        Image.fromarray(np.full((20, 24), 3000, np.uint16)).save(path)
    options = ["folder", "--root", tmp_path / "set", "--output-dir", tmp_path / "out"]
    result = run_script("convert_dataset.py", *options, "--workers", 1)
    assert result.returncode == 1
    assert "So are 2 others. Percentiles of their values: 0 % 3000," in result.stderr
    assert result.stderr.count("16-bit") == 1
    for number in range(30):
        (tmp_path / f"set/images/more{number}.png").touch()
    result = run_script("convert_dataset.py", *options, "--workers", 1)
    assert result.stderr.count(": missing") == 20
    assert "and 10 more, see " in result.stderr
    named = Path(result.stderr.partition("more, see ")[2].split()[0])
    assert named.read_text().count(": missing") == 30
    named.unlink()
