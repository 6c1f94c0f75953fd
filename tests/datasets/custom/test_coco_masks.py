from __future__ import annotations

import builtins
import json
from pathlib import Path

import numpy as np
import pytest
from coco_dataset import (
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

from tf_image_segmentation.datasets.custom.coco_file import CocoImage
from tf_image_segmentation.datasets.custom.coco_masks import read_regions
from tf_image_segmentation.datasets.custom.run_lengths import (
    area,
    check_counts,
    fill,
    parse_counts,
)
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.errors import DataError


def square_of(label):
    expected = np.zeros((HEIGHT, WIDTH))
    expected[1:3, 1:4] = label
    return expected


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
