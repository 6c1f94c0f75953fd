from __future__ import annotations

import builtins
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.custom import coco_file
from tf_image_segmentation.datasets.custom.coco_file import CocoImage
from tf_image_segmentation.datasets.custom.coco_masks import (
    area,
    check_counts,
    fill,
    parse_counts,
    read_regions,
)
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.errors import DataError

COCO = get_dataset("coco")
HEIGHT, WIDTH = 5, 6
CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]
SQUARE = [[1, 1, 4, 1, 4, 3, 1, 3]]
"""Columns 1 to 3 of rows 1 and 2: coordinates are edges of pixels."""


def annotation(number, segmentation, category=3, image=1, **more):
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        **more,
    }


def runs(*counts, size=(HEIGHT, WIDTH)):
    return {"size": list(size), "counts": list(counts)}


def write(root, annotations, split="instances_train2017", image="photo.jpg", folder="train2017"):
    (root / "annotations").mkdir(exist_ok=True)
    (root / folder).mkdir(exist_ok=True, parents=True)
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / folder / image)
    content = {
        "images": [{"id": 1, "file_name": image, "height": HEIGHT, "width": WIDTH}],
        "categories": CATEGORIES,
        "annotations": annotations,
    }
    path = root / "annotations" / f"{split}.json"
    path.write_text(json.dumps(content))
    return path


def change(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def mask(root):
    (sample,) = COCO.open(root).splits["train"]
    return read_sample(sample, COCO.open(root).info).mask


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


def test_polygons_and_both_kinds_of_run_lengths(tmp_path):
    pytest.importorskip("pycocotools")
    write(
        tmp_path,
        [
            annotation(1, SQUARE),
            annotation(2, [[0, 4, 1, 4, 1, 5, 0, 5], [5, 4, 6, 4, 6, 5, 5, 5]], 7),
            annotation(3, runs(20, 1, 4, 1, 4), 7),
            # 1 outside, 1 inside, 28 outside, each a character, and two for the last.
            annotation(4, {"size": [HEIGHT, WIDTH], "counts": "11l0"}, 7),
        ],
    )
    np.testing.assert_array_equal(
        mask(tmp_path),
        [
            [0, 0, 0, 0, 2, 2],
            [2, 1, 1, 1, 0, 0],
            [0, 1, 1, 1, 0, 0],
            [0, 0, 0, 0, 0, 0],
            [2, 0, 0, 0, 0, 2],
        ],
    )


def test_small_ones_lie_over_large_ones_and_crowds_under_all(tmp_path):
    write(
        tmp_path,
        [
            annotation(1, runs(0, 5, 25), 7),
            annotation(2, runs(0, 20, 10), 3),
            annotation(3, runs(15, 10, 5), 7, iscrowd=1),
            annotation(4, runs(25, 5), 3, iscrowd=0),
        ],
    )
    np.testing.assert_array_equal(mask(tmp_path)[0], [2, 1, 1, 1, 255, 1])


def test_a_dataset_of_crowds_alone_needs_an_option(tmp_path):
    path = write(tmp_path, [annotation(1, runs(0, 5, 25), iscrowd=1)])
    change(path, categories=[{"id": 3, "name": "cat"}])
    with pytest.raises(DataError, match=r"all 1 annotations have iscrowd 1, .* --crowds class"):
        COCO.open(tmp_path)
    for crowds, label in {"ignore": 255, "class": 1}.items():
        info, splits = COCO.open(tmp_path, crowds=crowds)
        found = read_sample(splits["train"][0], info).mask[0]
        np.testing.assert_array_equal(found, [label, 0, 0, 0, 0, 0])


def test_compressed_run_lengths_are_those_of_the_published_encoder():
    library = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(0)
    for height, width, share in [
        (1, 1, 1),
        (1, 40, 0.5),
        (300, 500, 0),
        (300, 500, 0.01),
        (9, 7, 1),
    ]:
        inside = np.asfortranarray(rng.random((height, width)) < share, np.uint8)
        text = library.encode(inside)["counts"].decode()
        counts = check_counts(parse_counts(text, "x"), height, width, "x")
        assert area(counts) == inside.sum()
        labels = np.zeros(height * width, np.uint8)
        fill(labels, counts, 1)
        np.testing.assert_array_equal(labels, inside.ravel(order="F"))


def test_polygons_are_those_of_the_published_drawing(tmp_path):
    library = pytest.importorskip("pycocotools.mask")
    polygons = [[-2.0, 1.5, 3.2, -1, 7.9, 4.4, 2.5, 3.3], [0, 3, 2, 6.5, 0.5, 9]]
    write(tmp_path, [annotation(1, polygons, 7)])
    published = library.decode(library.frPyObjects(polygons, HEIGHT, WIDTH)).max(axis=2)
    assert 5 < published.sum() < 30
    np.testing.assert_array_equal(mask(tmp_path), 2 * published)


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        (runs(0, 31), "31, which is no number of pixels of an image of 30"),
        (runs(0, 10, 10), "add up to 20 pixels, but the image has 30"),
        (runs(0, 20, 20), "add up to 40 pixels"),
        (runs(-5, 35), "-5, which is no number"),
        (runs(2**40, 1), "1099511627776, which is no number"),
        (runs(1.5, 28.5), "1.5, which is no number"),
        (runs(True, 29), "True, which is no number"),
        (runs(), "add up to 0 pixels"),
        (runs(30, size=(6, 5)), r"of size \[6, 5\], but the image has \[5, 6\]"),
        (runs(30, size=(10**9, 10**9)), "are of size"),
        ({"size": [5, 6], "counts": 30}, "'counts' are neither a list nor text"),
        ({"size": [5, 6], "counts": "11"}, "add up to 2 pixels"),
        ({"size": [5, 6], "counts": "11l"}, "are cut short"),
        ({"size": [5, 6], "counts": "oooooooooooooooo0"}, "are damaged at 'o'"),
        ({"size": [5, 6], "counts": "1\u00e9"}, "are damaged at"),
        ({"size": [5, 6], "counts": "ooooo00"}, "which is no number of pixels"),
        ({"size": [5, 6]}, "neither polygons nor run lengths"),
        ("0" * 10, "neither polygons nor run lengths"),
        ([[1, 1, 4, 4]], "a polygon of 2 points has no area"),
        ([[1, 1, 4, 1, 4]], "must be a list of x and y in turn"),
        ([1, 1, 4, 1, 4], "must be a list of x and y in turn"),
        ([[1, 1, 4, "x", 4, 3]], "is no point of two numbers"),
        ([[1, 1, 4, None, 4, 3]], "is no point of two numbers"),
        ([[1, 1, 1e9, 1, 4, 3]], r"the point \(1e\+09, 1\) is far outside the image of 5 x 6"),
        ([[1, 1, 4, 1, 4, 3], [1]], "must be a list of x and y in turn"),
    ],
)
def test_damaged_regions_are_refused_by_name(tmp_path, segmentation, words):
    if isinstance(segmentation, list):
        pytest.importorskip("pycocotools")
    write(tmp_path, [annotation(1, runs(30)), annotation(8, segmentation)])
    with pytest.raises(
        DataError, match=r"instances_train2017\.json: annotation 8 of photo\.jpg: .*" + words
    ):
        mask(tmp_path)


def test_outlines_that_would_take_all_memory_are_refused(tmp_path, monkeypatch):
    pytest.importorskip("pycocotools")
    monkeypatch.setattr("tf_image_segmentation.datasets.custom.coco_masks._LONGEST_OUTLINE", 1000)
    write(tmp_path, [annotation(1, [[0, 0, 6, 5, 0, 5] * 50])])
    with pytest.raises(DataError, match="the outline of a polygon is longer than 1000 pixels"):
        mask(tmp_path)
    monkeypatch.setattr("tf_image_segmentation.datasets.custom.coco_masks._MOST_POLYGON_PIXELS", 20)
    with pytest.raises(DataError, match="drawn in images of up to 20 pixels"):
        mask(tmp_path)


def test_sizes_are_checked_before_anything_is_drawn(tmp_path):
    path = write(tmp_path, [])
    (image,) = json.loads(path.read_text())["images"]
    change(path, images=[image | {"height": 10**9, "width": 10**9}])
    with pytest.raises(DataError, match="more than the limit"):
        mask(tmp_path)
    change(path, images=[image | {"height": HEIGHT + 1}])
    with pytest.raises(
        DataError, match=r"photo\.jpg: the image has 5 x 6 .* its mask .* has 6 x 6"
    ):
        mask(tmp_path)


ENTRY = {"id": 1, "file_name": "photo.jpg", "height": HEIGHT, "width": WIDTH}


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


def test_polygons_without_pycocotools(tmp_path, monkeypatch):
    real = builtins.__import__

    def absent(name, *arguments, **options):
        if name.startswith("pycocotools"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    write(tmp_path, [annotation(1, runs(0, 30))])
    assert mask(tmp_path).min() == 1, "run lengths do not need it"
    write(tmp_path, [annotation(1, SQUARE)])
    with pytest.raises(DataError, match="need pycocotools: pip install pycocotools"):
        COCO.open(tmp_path)


def test_images_beyond_the_limit_of_pixels_are_refused():
    image = CocoImage(1, "a.png", 2, 5)
    empty = {"image": image, "place": Path("a.png"), "regions": (), "ids": {}}
    assert read_regions(Path("a.json"), max_pixels=10, **empty).shape == (2, 5)
    with pytest.raises(DataError, match=r"a\.json: a\.png has 2 x 5 pixels .* limit of 9; raise"):
        read_regions(Path("a.json"), max_pixels=9, **empty)


def square_of(label):
    expected = np.zeros((HEIGHT, WIDTH))
    expected[1:3, 1:4] = label
    return expected


@pytest.mark.parametrize(
    "segmentation",
    [
        SQUARE,
        SQUARE[0],
        [[[1, 1], [4, 1], [4, 3], [1, 3]]],
        [[1, 1], [4, 1], [4, 3], [1, 3]],
        [*SQUARE, []],
    ],
)
def test_polygons_as_tools_write_them(tmp_path, segmentation):
    pytest.importorskip("pycocotools")
    write(tmp_path, [annotation(1, segmentation)])
    np.testing.assert_array_equal(mask(tmp_path), square_of(1))


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


@pytest.mark.parametrize("empty", [{"segmentation": []}, {"segmentation": [[]]}, {}])
def test_boxes_without_outlines_need_an_option(tmp_path, empty):
    pytest.importorskip("pycocotools")
    box = {"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 1, 3, 2], **empty}
    write(tmp_path, [box, annotation(2, runs(0, 2, 28))])
    with pytest.raises(DataError, match=r"1 annotations, such as 1, .*choose --boxes fill .*drop"):
        COCO.open(tmp_path)
    for boxes, label in {"fill": 2, "ignore": 255, "drop": 0}.items():
        info, splits = COCO.open(tmp_path, boxes=boxes)
        expected = square_of(label)
        expected[:2, 0] = 1
        np.testing.assert_array_equal(read_sample(splits["train"][0], info).mask, expected)
    path = write(tmp_path, [box | {"bbox": None}])
    with pytest.raises(DataError, match=r"annotation 1: has neither an outline nor a box"):
        COCO.open(tmp_path, boxes="fill")
    assert path.is_file() and COCO.open(tmp_path, boxes="drop")


def test_sides_that_are_swapped_are_said(tmp_path):
    path = write(tmp_path, [])
    change(path, images=[ENTRY | {"height": WIDTH, "width": HEIGHT}])
    with pytest.raises(DataError, match="width and height are swapped against the file"):
        mask(tmp_path)


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
