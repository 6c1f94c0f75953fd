from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.detection import detect_one
from tf_image_segmentation.errors import DataError

CLASS_MASKS = get_dataset("class_masks")
LARGE = np.array([[1, 1, 1], [1, 1, 0]], np.uint8) * 255
SMALL = np.array([[0, 1, 0], [0, 0, 1]], np.uint8) * 255
MERGED = [[1, 2, 1], [1, 1, 2]]


def write(root, masks, images=("a", "b"), folder="images"):
    for name in images:
        path = root / folder / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (3, 2)).save(path)
    for name, mask in masks.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(root / name)


def masks_of(root):
    info, splits = CLASS_MASKS.open(root)
    assert info.class_names[0] == "background"
    return {s.image_id: read_sample(s, info).mask.tolist() for s in splits["train"]}


@pytest.mark.parametrize("pattern", ["masks/{}/a.png", "masks/a/{}.png", "masks/a_{}.png"])
def test_small_ones_lie_over_large_ones(tmp_path, pattern):
    write(tmp_path, {pattern.format("road"): LARGE, pattern.format("small crack"): SMALL})
    assert CLASS_MASKS.open(tmp_path).info.class_names == ("background", "road", "small crack")
    assert masks_of(tmp_path) == {"a": MERGED, "b": [[0] * 3] * 2}
    assert detect_one(tmp_path).name == "class_masks"


def test_numbers_that_begin_alike_are_no_classes(tmp_path):
    names = ("1", "10", "11")
    write(tmp_path, {f"masks/{name}.png": LARGE for name in names}, images=names)
    assert detect_one(tmp_path).name == "folder"


def test_brush_labels_of_label_studio(tmp_path):
    write(
        tmp_path,
        {
            "task-7-annotation-3-by-1-tag-road-0.png": LARGE,
            "task-7-annotation-3-by-1-tag-small-crack-0.png": SMALL,
            "task-7-annotation-2-by-meexample.com-tag-road-0.png": SMALL,
        },
        images=("1a2b-a",),
    )
    assert detect_one(tmp_path).name == "class_masks"
    with pytest.raises(DataError, match=r"which image task 7 is of .* export the project as JSON"):
        CLASS_MASKS.open(tmp_path)
    tasks = [{"id": 7, "data": {"image": "/data/upload/1/1a2b-a.jpg"}, "annotations": []}]
    (tmp_path / "project-1.json").write_text(json.dumps(tasks))
    assert CLASS_MASKS.open(tmp_path).info.class_names == ("background", "road", "small-crack")
    assert masks_of(tmp_path) == {"1a2b-a": MERGED}
    (tmp_path / "project-1.json").unlink()
    (tmp_path / "images/1a2b-a.jpg").rename(tmp_path / "images/task_0007.jpg")
    assert masks_of(tmp_path) == {"task_0007": MERGED}


def test_gray_edges_are_cut_at_128_and_any_single_value_counts(tmp_path):
    gray = np.array([[0, 127, 128], [255, 3, 0]], np.uint8)
    write(tmp_path, {"masks/x/a.png": gray, "masks/x/b.png": SMALL // 255})
    assert masks_of(tmp_path) == {"a": [[0, 0, 1], [1, 0, 0]], "b": (SMALL // 255).tolist()}


def test_classes_in_the_order_of_a_file(tmp_path):
    write(tmp_path, {"masks/road/a.png": LARGE})
    (tmp_path / "classes.csv").write_text("name\nbackground\ncrack\nroad\n")
    assert masks_of(tmp_path)["a"] == (LARGE // 255 * 2).tolist()
    (tmp_path / "classes.csv").write_text("name\nbackground\ncrack\n")
    with pytest.raises(DataError, match="the classes lack road, which masks are named by"):
        CLASS_MASKS.open(tmp_path)


def test_what_does_not_fit_is_refused(tmp_path):
    write(tmp_path, {"masks/x/a.png": LARGE, "masks/y/a.png": LARGE[:, :2]})
    info, splits = CLASS_MASKS.open(tmp_path)
    with pytest.raises(DataError, match=r"a\.png: has 2 x 2 pixels .* 2 x 3"):
        read_sample(splits["train"][0], info)
    write(tmp_path, {"masks/y/a.png": np.arange(18, dtype=np.uint8).reshape(2, 3, 3)})
    with pytest.raises(DataError, match="has colors; a mask of one class is black and white"):
        read_sample(splits["train"][0], info)
    with pytest.raises(DataError, match="holds no images; copy those"):
        CLASS_MASKS.open(tmp_path / "masks/y/none")
