from __future__ import annotations

import numpy as np
import pytest
from coco_dataset import (
    CATEGORIES,
    COCO,
    ENTRY,
    HEIGHT,
    SQUARE,
    WIDTH,
    annotation,
    change,
    mask,
    runs,
    write,
)
from PIL import Image

from tf_image_segmentation.datasets.custom import coco_file
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.errors import DataError


def test_classes_are_background_and_the_categories_by_id(tmp_path):
    write(tmp_path, [])
    write(tmp_path, [], "instances_val2017", "other.jpg", "val2017")
    (tmp_path / "annotations/captions_train2017.json").write_text("{}")
    info = COCO.open(tmp_path).info
    assert info.class_names == ("background", "cat", "dog")
    assert (info.splits, info.ignore_label) == ({"train": 1, "val": 1}, 255)
    (sample,) = COCO.open(tmp_path).splits["val"]
    assert sample.image_id == "other"
    assert not missing_files([sample])
    assert not mask(tmp_path).any(), "an image without annotations is background"
    write(tmp_path, [], "val", "third.jpg", "val")
    assert COCO.open(tmp_path).info.splits == {"train": 1, "val": 1}, "instances_* are chosen"


def test_a_category_called_background_is_class_0(tmp_path):
    path = write(tmp_path, [annotation(1, SQUARE, 9), annotation(2, runs(0, 1, 29), 4)])
    change(path, categories=[{"id": 4, "name": "cat"}, {"id": 9, "name": "background"}])
    assert COCO.open(tmp_path).info.class_names == ("background", "cat")
    expected = np.zeros((HEIGHT, WIDTH))
    expected[0, 0] = 1
    np.testing.assert_array_equal(mask(tmp_path), expected)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"images": None}, r"images: expected array, got null; export it again"),
        ({"images": [ENTRY, ENTRY]}, "has image ids twice: 1"),
        ({"images": [ENTRY, ENTRY | {"id": 2}]}, r"has file names twice: photo\.jpg"),
        ({"images": [ENTRY | {"height": -1}]}, r"images\[0\]: expected a width and a height in"),
        ({"images": [ENTRY | {"height": 5.5}]}, r"images\[0\]: expected a whole number, got 5.5"),
        ({"images": [{"id": 1}]}, r"images\[0\]: object missing required field file_name"),
        ({"images": ["x"]}, r"images\[0\]: expected object, got str"),
        ({"categories": []}, r"categories: expected array of length >= 1"),
        ({"categories": [*CATEGORIES, {"id": 3, "name": "x"}]}, "has category ids twice: 3"),
        ({"categories": [*CATEGORIES, {"id": 4, "name": "cat"}]}, "has category names twice: cat"),
        ({"annotations": [annotation(1, []), annotation(1, [])]}, "has annotation ids twice: 1"),
        (
            {"annotations": [annotation(1, [], 5), annotation(2, [], 8), annotation(3, [], 5)]},
            r"the category_id 5 \(2\), 8 \(1\), which the file does not list",
        ),
        ({"annotations": [annotation(1, [], image=6)]}, r"the image_id 6 \(1\), which the file"),
        ({"annotations": [annotation(4, [], iscrowd=2)]}, r"annotations\[0\]\.iscrowd: "),
        ({"annotations": [{"image_id": 1, "segments_info": []}]}, "of the kind 'instances'"),
        ({"annotations": [annotation(True, [])]}, r"annotations\[0\]\.id: expected"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(tmp_path, fields, words):
    path = write(tmp_path, [])
    change(path, **fields)
    with pytest.raises(DataError, match=r"instances_train2017\.json: .*" + words):
        COCO.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Input data was truncated"),
        (b"[1]", "expected object, got array"),
        (b'{"a": NaN}', "JSON is malformed: invalid character"),
        (b'{"a": 1', "Input data was truncated"),
        (b'{"images": ' + b"9" * 5000 + b"}", "images: number out of range"),
        (b'{"a": ' + b"[" * 200_000, "is nested too deeply"),
        (b"\xff\xfe{\0}\0", "JSON is malformed"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path, content, words):
    path = write(tmp_path, [])
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"instances_train2017\.json: " + words):
        COCO.open(tmp_path)


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = write(tmp_path, [])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert COCO.open(tmp_path).info.splits == {"train": 1}


def test_files_too_large_to_parse_are_refused(tmp_path, monkeypatch):
    path = write(tmp_path, [])
    monkeypatch.setattr(coco_file, "MAX_BYTES", 10)
    with pytest.raises(DataError, match="is larger than 10 bytes"):
        coco_file.read_coco(path)


# fault 24
@pytest.mark.parametrize("name", ["../x.jpg", "/x.jpg", "C:\\x.jpg", "s3://b/x.jpg", ""])
def test_images_outside_the_folder_are_refused(tmp_path, name):
    path = write(tmp_path, [])
    change(path, images=[ENTRY | {"file_name": name}])
    with pytest.raises(DataError, match=r"instances_train2017\.json: .*only files below"):
        COCO.open(tmp_path)


@pytest.mark.parametrize("folder", ["train", "images/train2017", "images/train", "images"])
def test_where_images_may_lie(tmp_path, folder):
    write(tmp_path, [], folder=folder)
    (sample,) = COCO.open(tmp_path).splits["train"]
    assert sample.image == tmp_path / folder / "photo.jpg"


def test_images_that_no_file_lists_are_said(tmp_path, caplog):
    write(tmp_path, [])
    COCO.open(tmp_path)
    assert not caplog.text
    Image.new("RGB", (4, 4)).save(tmp_path / "train2017" / "more.png")
    COCO.open(tmp_path)
    assert "named by no file of annotations and are left out: more.png" in caplog.text


def test_splits_and_folders(tmp_path):
    write(tmp_path, [], "day", folder="elsewhere")
    write(tmp_path, [], "night", folder="elsewhere")
    with pytest.raises(DataError, match=r"no folder of the images of day\.json; it may be day,"):
        COCO.open(tmp_path)
    write(tmp_path, [], "day", folder="day")
    with pytest.raises(DataError, match=r"has no folder of the images of night\.json"):
        COCO.open(tmp_path)
    path = write(tmp_path, [], "night", folder="night")
    change(path, categories=[{"id": 3, "name": "cat"}, {"id": 7, "name": "wolf"}])
    with pytest.raises(DataError, match="day and night differ in their categories: 7 dog, 7 wolf"):
        COCO.open(tmp_path)
    write(tmp_path, [], "instances_train2014")
    write(tmp_path, [], "instances_train2017")
    with pytest.raises(DataError, match=r"train2014\.json and instances_train2017\.json are both"):
        COCO.open(tmp_path)


def test_more_categories_than_eight_bits_hold_are_refused(tmp_path):
    path = write(tmp_path, [])
    change(path, categories=[{"id": n, "name": str(n)} for n in range(255)])
    with pytest.raises(DataError, match="has 256 classes; masks are stored in 8 bits"):
        COCO.open(tmp_path)


def test_each_file_of_annotations_is_read_once(tmp_path, monkeypatch):
    drawn = [annotation(1, runs(0, 30))]
    paths = [write(tmp_path, drawn, split, folder=split) for split in ("train", "val")]
    read = []
    monkeypatch.setattr(
        "tf_image_segmentation.datasets.custom.coco.read_coco",
        lambda path: read.append(path) or coco_file.read_coco(path),
    )
    info, splits = COCO.open(tmp_path)
    for (sample,) in splits.values():
        assert read_sample(sample, info).mask.min() == 1
    assert read == paths


def test_numbers_may_be_text_or_floats(tmp_path):
    region = {"segmentation": runs(30), "image_id": "1", "category_id": "3", "iscrowd": "0"}
    path = write(tmp_path, [region, region | {"id": 7.0, "segmentation": runs(0, 1, 29)}])
    change(path, images=[ENTRY | {"id": 1.0, "height": 5.0, "width": "6"}])
    assert mask(tmp_path)[0, :2].tolist() == [1, 0]
    change(path, images=[ENTRY | {"id": "1", "height": 0, "width": None}])
    assert mask(tmp_path).shape == (HEIGHT, WIDTH), "the image tells its size"
    change(path, images=[ENTRY | {"id": "x"}])
    with pytest.raises(DataError, match="have the image_id 1 "):
        COCO.open(tmp_path)
    change(path, annotations=[region | {"image_id": "x", "segmentation": runs(0, 30)}])
    assert mask(tmp_path).min() == 1


def test_categories_that_only_group_others_are_no_classes(tmp_path):
    group = {"id": 0, "name": "animals", "supercategory": "none"}
    animals = [category | {"supercategory": "animals"} for category in CATEGORIES]
    path = write(tmp_path, [annotation(1, runs(0, 30))])
    change(path, categories=[group, *animals, {"id": 9, "name": "_background_"}])
    assert COCO.open(tmp_path).info.class_names == ("background", "cat", "dog")
    assert mask(tmp_path).max() == 1
    change(path, annotations=[annotation(1, runs(0, 30), 0)])
    assert COCO.open(tmp_path).info.class_names == ("background", "animals", "cat", "dog")


def test_roboflow_has_a_file_in_each_split(tmp_path):
    for split in ("train", "valid"):
        path = write(tmp_path, [annotation(1, runs(0, 30))], folder=split, image=f"{split}.jpg")
        path.rename(tmp_path / split / "_annotations.coco.json")
    (tmp_path / "README.dataset.txt").touch()
    info, splits = COCO.open(tmp_path)
    assert info.splits == {"train": 1, "val": 1}
    (sample,) = splits["val"]
    assert (sample.image_id, sample.image) == ("valid", tmp_path / "valid/valid.jpg")


@pytest.mark.parametrize(
    ("file", "name", "folder"),
    [
        ("result.json", "images/photo.jpg", "images"),
        ("result.json", "images\\photo.jpg", "images"),
        ("result.json", "../../data/media/upload/3/photo.jpg", "images"),
        ("result.json", "/label-studio/data/photo.jpg", "images"),
        ("result.json", "s3://bucket/photo.jpg", "images"),
        ("labels.json", "photo.jpg", "data"),
        ("annotations.json", "photo.jpg", "."),
        ("annotations/instances_default.json", "photo.jpg", "images/default"),
        ("annotations/via_export_coco.json", "photo.jpg", "images"),
    ],
)
def test_a_single_file_of_any_name_is_train(tmp_path, file, name, folder):
    path = write(tmp_path, [annotation(1, runs(0, 30))], folder=folder)
    change(path, images=[ENTRY | {"file_name": name}])
    path.rename(tmp_path / file)
    info, splits = COCO.open(tmp_path)
    assert info.splits == {"train": 1}
    assert splits["train"][0].image == tmp_path / folder / "photo.jpg"
    assert read_sample(splits["train"][0], info).mask.min() == 1


def test_the_root_may_be_the_file(tmp_path):
    path = write(tmp_path, [], folder="images")
    assert COCO.open(path).info.splits == {"train": 1}


def test_other_files_beside_the_annotations_are_left_out(tmp_path, caplog):
    write(tmp_path, [], "val", folder="val")
    (tmp_path / "annotations/classes.json").write_text('["cat"]')
    assert COCO.open(tmp_path).info.splits == {"val": 1}
    assert "classes.json are left out" in caplog.text
    write(tmp_path, [], "instances_train", folder="train")
    write(tmp_path, [], "instances_test", folder="test")
    assert COCO.open(tmp_path).info.splits == {"test": 1, "train": 1}


def test_splits_may_lack_a_category(tmp_path):
    write(tmp_path, [annotation(1, runs(0, 30), 7)])
    path = write(tmp_path, [annotation(1, runs(0, 30), 7)], "instances_val", folder="val")
    change(path, categories=CATEGORIES[:1])
    info, splits = COCO.open(tmp_path)
    assert info.class_names == ("background", "cat", "dog")
    assert read_sample(splits["val"][0], info).mask.min() == 2
