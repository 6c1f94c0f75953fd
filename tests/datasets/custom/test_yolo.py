from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.detection import detect_one
from tf_image_segmentation.errors import DataError

pytest.importorskip("pycocotools")

YOLO = get_dataset("yolo")
HEIGHT, WIDTH = 10, 20
# Columns 5 to 9 of rows 1 to 4, and columns 6 to 7 of rows 2 to 3.
LARGE = "0 0.25 0.1 0.5 0.1 0.5 0.5 0.25 0.5"
SMALL = "1 0.3 0.2 0.4 0.2 0.4 0.4 0.3 0.4"
YAML = "train: ../train/images\nnc: 2\nnames: ['road', 'small crack']\n"


def write(root, images, labels, text=f"{SMALL}\n{LARGE}\n", names=("data.yaml", YAML)):
    for path in (root / images, root / labels):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / f"{images}.jpg")
    if text is not None:
        (root / f"{labels}.txt").write_text(text)
    if names:
        (root / names[0]).write_text(names[1])


def drawn(*rectangles):
    mask = np.zeros((HEIGHT, WIDTH))
    for label, top, bottom, left, right in rectangles:
        mask[top:bottom, left:right] = label
    return mask


BOTH = drawn((1, 1, 5, 5, 10), (2, 2, 4, 6, 8))


def read(root, **options):
    info, splits = YOLO.open(root, **options)
    (sample,) = splits["train"]
    return read_sample(sample, info).mask


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train/images/a.rf.1", "train/labels/a.rf.1"),
        ("images/train/a", "labels/train/a"),
        ("images/a", "labels/a"),
        ("train/a", "train/a"),
        ("a", "a"),
    ],
)
def test_where_files_may_lie(tmp_path, images, labels):
    write(tmp_path, images, labels)
    assert YOLO.open(tmp_path).info.class_names == ("background", "road", "small crack")
    np.testing.assert_array_equal(read(tmp_path), BOTH)
    assert detect_one(tmp_path).name == "yolo"


def test_splits_and_images_without_a_file(tmp_path):
    write(tmp_path, "train/images/a", "train/labels/a", "")
    write(tmp_path, "valid/images/b", "valid/labels/b", None)
    (tmp_path / "valid/labels").mkdir(exist_ok=True)
    info, splits = YOLO.open(tmp_path)
    assert info.splits == {"train": 1, "val": 1}
    for samples in splits.values():
        assert not read_sample(samples[0], info).mask.any()


@pytest.mark.parametrize(
    "names",
    [
        ("data.yaml", "names:\n  0: road\n  1: small crack\n"),
        ("classes.txt", "road\nsmall crack\n"),
        ("obj.names", "road\nsmall crack"),
        ("coco8-seg.yml", "names:\n- road\n- small crack\n"),
    ],
)
def test_where_names_may_stand(tmp_path, names):
    write(tmp_path, "images/a", "labels/a", names=names)
    np.testing.assert_array_equal(read(tmp_path), BOTH)


def test_a_class_called_background_is_class_0(tmp_path):
    write(tmp_path, "images/a", "labels/a", names=("classes.txt", "background\nx\n"))
    assert YOLO.open(tmp_path).info.class_names == ("background", "x")
    np.testing.assert_array_equal(read(tmp_path), drawn((1, 2, 4, 6, 8)))


def test_boxes_need_an_option(tmp_path):
    write(tmp_path, "images/a", "labels/a", "0 0.375 0.3 0.25 0.4\n" + SMALL)
    with pytest.raises(DataError, match=r"a\.txt: line 1: is a box, .*choose --boxes fill"):
        read(tmp_path)
    small = (2, 2, 4, 6, 8)
    for boxes, label in {"fill": 1, "ignore": 255, "drop": 0}.items():
        np.testing.assert_array_equal(
            read(tmp_path, boxes=boxes), drawn((label, 1, 5, 5, 10), small)
        )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2 0 0 1 0 1 1", "class number 2, and there are names for 0 to 1"),
        ("0.5 0 0 1 0 1 1", r"class number 0\.5"),
        ("0 0 0 1 0 1", "has 5 numbers behind the class"),
        ("0 0 0 1", "has 3 numbers behind the class"),
        ("0 0 0 1 0 1 x", "holds what is no number"),
        ("0 0 0 1 0 1 nan", "is no point of two numbers"),
        ("0 0 0 900 0 1 1", "is far outside the image"),
    ],
)
def test_lines_that_cannot_be_drawn_are_named(tmp_path, line, words):
    write(tmp_path, "images/a", "labels/a", f"{LARGE}\n\n{line}\n")
    with pytest.raises(DataError, match=rf"a\.txt: line 3: {words}|a\.txt: line 3: .*{words}"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (None, r"has neither data\.yaml nor classes\.txt"),
        (("data.yaml", "names: 3\n"), "has no list 'names'"),
        (("data.yaml", "names: {0: a, 2: b}\n"), "has no list 'names'"),
        (("data.yaml", "names: [a\n"), "is no YAML"),
        (("data.yaml", "!!python/object/apply:os.getcwd []\n"), "is no YAML"),
    ],
)
def test_names_that_are_missing_are_said(tmp_path, names, words):
    write(tmp_path, "images/a", "labels/a", names=names)
    with pytest.raises(DataError, match=words):
        YOLO.open(tmp_path)
