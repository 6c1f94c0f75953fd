from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets.detection import detect, detect_one
from tf_image_segmentation.errors import DataError


def write_folder(root):
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(root / folder / "a.png")


def write_coco(root):
    (root / "annotations").mkdir(parents=True)
    content = {"images": [], "annotations": [], "categories": []}
    (root / "annotations/instances_default.json").write_text(json.dumps(content))


def test_several_layouts_are_listed_with_their_reasons(tmp_path):
    write_folder(tmp_path)
    write_coco(tmp_path)
    assert [each.name for each in detect(tmp_path)] == ["coco", "folder"]
    with pytest.raises(DataError) as caught:
        detect_one(tmp_path)
    assert f"coco --root {tmp_path}: instances_default.json holds COCO" in str(caught.value)
    assert f"folder --root {tmp_path}: it has the folders images and masks" in str(caught.value)


def test_a_folder_around_the_dataset_is_opened(tmp_path):
    write_folder(tmp_path / "export 1")
    assert detect_one(tmp_path)[:2] == ("folder", tmp_path / "export 1")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("annotations.xml", "annotations.xml is of CVAT: export as 'Segmentation mask 1.1'"),
        ("via_region_data.json", "via_region_data.json is of VIA: export annotations as COCO"),
        ("holiday.jpg", "layouts.md shows what each looks like"),
    ],
)
def test_what_is_not_known_is_said_with_the_way_out(tmp_path, name, words):
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"has none of the layouts that are known \(beside, "):
        detect_one(tmp_path)
    with pytest.raises(DataError, match=words):
        detect_one(tmp_path)


def test_archives_and_missing_folders(tmp_path):
    (tmp_path / "x.zip").touch()
    with pytest.raises(DataError, match="is an archive; unpack it"):
        detect_one(tmp_path / "x.zip")
    with pytest.raises(DataError, match="there is no such folder"):
        detect_one(tmp_path / "x")


def test_the_published_voc_is_no_layout_of_ones_own(tmp_path):
    lists = tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2007_000032\n")
    masks = tmp_path / "VOCdevkit/VOC2012/SegmentationClass"
    masks.mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(masks / "2007_000032.png")
    assert detect_one(tmp_path).name == "pascal_voc"
    (tmp_path / "VOCdevkit/VOC2012/class_names.txt").write_text("_background_\nleaf\n")
    assert detect_one(tmp_path).name == "voc"
