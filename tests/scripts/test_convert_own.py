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
