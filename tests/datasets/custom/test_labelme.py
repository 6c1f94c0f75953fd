from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
import skimage.draw
import skimage.morphology
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.custom import labelme_shapes
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.errors import DataError

LABELME = get_dataset("labelme")
HEIGHT, WIDTH = 5, 6


def shape(label, kind, *points, **more):
    return {"label": label, "shape_type": kind, "points": [list(p) for p in points], **more}


def write(root, name, shapes, size=(HEIGHT, WIDTH), **more):
    path = root / f"{name}.json"
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.new("RGB", size[::-1]).save(path.with_suffix(".png"))
    content = {
        "version": "5.0.1",
        "imagePath": path.with_suffix(".png").name,
        "imageData": None,
        "imageHeight": size[0],
        "imageWidth": size[1],
        "shapes": shapes,
        **more,
    }
    path.write_text(json.dumps(content))
    return path


def mask(root):
    (sample,) = LABELME.open(root).splits["train"]
    return read_sample(sample, LABELME.open(root).info).mask


def png(values):
    buffer = io.BytesIO()
    Image.fromarray(np.array(values, bool)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_later_shapes_lie_over_earlier_ones(tmp_path):
    write(
        tmp_path,
        "a",
        [
            shape("tree", "rectangle", (4, 3), (1, 1)),  # drawn from the lower right corner
            shape("car", "polygon", (0, 0), (2, 0), (2, 2), (0, 2)),
            shape("__ignore__", "mask", (4, 3), (5, 4), mask=png([[1, 0], [1, 1]])),
            shape("_background_", "rectangle", (3, 2), (3, 2)),
        ],
    )
    info = LABELME.open(tmp_path).info
    assert info.class_names == ("background", "car", "tree")
    assert (info.ignore_label, info.splits) == (255, {"train": 1})
    np.testing.assert_array_equal(
        mask(tmp_path),
        [
            [1, 1, 1, 0, 0, 0],
            [1, 1, 1, 2, 2, 0],
            [1, 1, 1, 0, 2, 0],
            [0, 2, 2, 2, 255, 0],
            [0, 0, 0, 0, 255, 255],
        ],
    )


def test_a_mask_may_be_background_and_ignored_alone(tmp_path):
    write(tmp_path, "b", [shape("x", "rectangle", (0, 0), (0, 0))])
    write(tmp_path, "a", [shape("__ignore__", "rectangle", (0, 0), (5, 3))])
    sample = next(iter(LABELME.open(tmp_path).splits["train"]))
    checked = read_sample(sample, LABELME.open(tmp_path).info)
    assert checked.mask[:, 0].tolist() == [255, 255, 255, 255, 0]


def test_circles_and_files_of_old_versions(tmp_path):
    circle = shape("ball", "circle", (2, 2), (2, 0))
    triangle = shape("ball", None, (4, 4), (5, 4), (5, 3))
    write(tmp_path, "a", [circle, triangle])
    np.testing.assert_array_equal(
        mask(tmp_path),
        [
            [0, 1, 1, 1, 0, 0],
            [1, 1, 1, 1, 1, 0],
            [1, 1, 1, 1, 1, 0],
            [1, 1, 1, 1, 1, 1],
            [0, 1, 1, 1, 1, 1],
        ],
    )


def test_polygons_are_those_of_scikit_image_but_for_their_outlines(tmp_path):
    rng = np.random.default_rng(1)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    radii = rng.uniform(10, 30, 9)
    points = np.stack([35 + radii * np.cos(angles), 40 + radii * np.sin(angles)], axis=1)
    write(tmp_path, "a", [shape("x", "polygon", *points.tolist())], size=(80, 70))
    drawn = mask(tmp_path) == 1
    points = np.floor(points)  # the pixels that the corners lie in
    inside = skimage.draw.polygon2mask((80, 70), points[:, ::-1])
    assert not (inside & ~drawn).any()
    outline = np.zeros_like(inside)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        ends = np.array([y0, x0, y1, x1], int)
        outline[skimage.draw.line(*ends)] = True
    near = skimage.morphology.dilation(outline, np.ones((3, 3)))
    assert not (drawn & ~inside & ~near).any()
    assert inside.sum() > 500


def test_classes_in_the_order_of_their_file(tmp_path):
    write(tmp_path, "a", [shape("cat", "rectangle", (0, 0), (0, 0))])
    (tmp_path / "classes.csv").write_text(
        "name,color\nbackground,#000000\ndog,#00ff00\ncat,#ff0000\n"
    )
    info = LABELME.open(tmp_path).info
    assert info.class_names == ("background", "dog", "cat")
    assert info.palette[1] == (0, 255, 0)
    assert mask(tmp_path)[0, 0] == 2
    (tmp_path / "classes.csv").write_text("name\ncat\n_background_\nvoid\n")
    assert mask(tmp_path).ravel()[:2].tolist() == [0, 1]
    (tmp_path / "classes.csv").write_text("name\ndog\ncat\n")
    with pytest.raises(DataError, match=r"classes\.csv: has no row 'background'"):
        LABELME.open(tmp_path)


def test_all_unknown_labels_are_listed(tmp_path):
    for name in "ab":
        write(
            tmp_path, name, [shape(label, "rectangle", (0, 0), (0, 0)) for label in ("Cat", name)]
        )
    (tmp_path / "classes.csv").write_text("name\nbackground\nb\n")
    with pytest.raises(DataError, match=r"files have: 'Cat' \(in 2 files\), 'a' \(in 1"):
        LABELME.open(tmp_path)


def test_labels_that_differ_in_case_alone_are_an_error_without_a_list(tmp_path):
    write(tmp_path, "a", [shape("car", "rectangle", (0, 0), (1, 1))])
    write(tmp_path, "b", [shape("Car", "rectangle", (0, 0), (1, 1))])
    with pytest.raises(DataError, match="has the labels 'Car' and 'car', which differ in case"):
        LABELME.open(tmp_path)
    (tmp_path / "classes.csv").write_text("name\nbackground\ncar\n")
    with pytest.raises(DataError, match=r"lacks labels that files have: 'Car' \(in 1 files\)"):
        LABELME.open(tmp_path)


def test_splits(tmp_path):
    for name in ("train/b", "train/a", "val/c"):
        write(tmp_path, name, [])
    (tmp_path / "images").mkdir()
    assert LABELME.open(tmp_path).info.splits == {"train": 2, "val": 1}
    found = list(LABELME.open(tmp_path).splits["train"])
    assert [sample.image_id for sample in found] == ["a", "b"]
    assert not missing_files(found)


def test_each_file_is_read_once(tmp_path, monkeypatch):
    paths = [
        write(tmp_path, name, [shape("x", "rectangle", (0, 0), (5, 4))])
        for name in ("train/a", "train/b", "val/c")
    ]
    read = []
    monkeypatch.setattr(
        "tf_image_segmentation.datasets.custom.labelme.read_annotation",
        lambda path, root: read.append(path) or labelme_shapes.read_annotation(path, root),
    )
    info, splits = LABELME.open(tmp_path)
    for samples in splits.values():
        for sample in samples:
            assert read_sample(sample, info).mask.min() == 1
    assert read == paths


def test_lists(tmp_path):
    for name in "abc":
        write(tmp_path, name, [])
    (tmp_path / "train.txt").write_text("c\na.json\n")
    (tmp_path / "val.txt").write_text("b\n")
    assert [s.image_id for s in LABELME.open(tmp_path).splits["train"]] == ["c", "a"]
    (tmp_path / "val.txt").write_text("b\nd\ne\n")
    with pytest.raises(DataError, match=r"lists name d, e, for which there is no \.json file"):
        LABELME.open(tmp_path)


# fault 20 and 24
def test_where_images_lie(tmp_path):
    write(tmp_path, "a", [], imagePath="photos\\2024\\x.png")
    (sample,) = LABELME.open(tmp_path).splits["train"]
    assert sample.image == tmp_path / "photos/2024/x.png"
    assert missing_files([sample]) == {"a": f"{tmp_path}/photos/2024/x.png: missing"}
    for number, written in enumerate(["..\\x.png", "../x.png", "C:\\x.png", "/x.png"]):
        write(tmp_path, f"b{number}", [], imagePath=written)
    with pytest.raises(DataError, match=r"(?s)b0\.json: imagePath: .*below.*b3\.json: imagePath: "):
        LABELME.open(tmp_path)


# fault 24
def test_images_may_lie_anywhere_below_the_root(tmp_path):
    write(tmp_path / "photos", "a", []).unlink()
    write(tmp_path / "train", "a", [], imagePath="../photos/a.png")
    (sample,) = LABELME.open(tmp_path).splits["train"]
    assert sample.image == tmp_path / "photos/a.png"
    write(tmp_path / "train", "b", [], imagePath="../photos/../../c.png")
    with pytest.raises(DataError, match=r"b\.json: imagePath: .*would leave the folder"):
        LABELME.open(tmp_path)


def test_images_without_a_file_are_said(tmp_path, caplog):
    write(tmp_path, "a", [])
    LABELME.open(tmp_path)
    assert not caplog.text
    Image.new("RGB", (4, 4)).save(tmp_path / "b.JPG", "JPEG")
    LABELME.open(tmp_path)
    assert "1 files are named by no .json file and are left out: b.JPG" in caplog.text


# fault 9
def test_the_size_of_the_image_must_be_that_of_the_file(tmp_path):
    write(tmp_path, "a", [], imageHeight=HEIGHT + 1)
    with pytest.raises(DataError, match=r"a\.png: the image has 5 x 6 .*a\.json has 6 x 6"):
        mask(tmp_path)
    write(tmp_path, "a", [], imageHeight=10**9, imageWidth=10**9)
    with pytest.raises(DataError, match=r"a\.json: its image has .* more than the limit"):
        mask(tmp_path)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (shape("x", "line", (0, 0), (1, 1)), "is of type 'line', of which no area is known; draw"),
        (shape("x", "point", (0, 0)), "is of type 'point'"),
        (shape("x", "polygon", (0, 0), (1, 1)), "a polygon of 2 points has no area"),
        (shape("x", "polygon", (0, 0), (1, 1), (1,)), r"\[1\] is no point of two numbers"),
        (shape("x", "polygon", (0, 0), (1, 1), (1, "2")), "is no point of two numbers"),
        (shape("x", "polygon", (0, 0), (1, 1), (1e30, 2)), "is far outside the image of 5 x 6"),
        (shape("x", "rectangle", (0, 0)), "a rectangle has 2 points, this one 1"),
        (shape("x", "circle", (0, 0), (1, 1), (2, 2)), "a circle has 2 points, this one 3"),
        (shape("x", "mask", (0, 0), (1, 1), mask="%"), "its mask is not base64"),
        (shape("x", "mask", (0, 0), (1, 1)), "its mask is not base64"),
        (shape("x", "mask", (0, 0), (1, 1), mask="AAAA"), "its mask is no PNG"),
        (
            shape("x", "mask", (0, 0), (1, 1), mask=png([[1, 1, 0]])),
            "1 x 3 pixels .* enclose 2 x 2",
        ),
        (shape("x", "mask", (0, 0), (0, 0), mask=png([[1, 1]])), "more than the limit of 1"),
        (shape("x", "mask", (5, 4), (6, 4), mask=png([[1, 1]])), "does not lie inside the image"),
        (shape("x", "mask", (0, 0), (1, 0), mask=png([[1, 1]])[:40]), "truncated or damaged PNG"),
    ],
)
def test_shapes_that_cannot_be_drawn_are_named(tmp_path, bad, words):
    write(tmp_path, "a", [shape("x", "rectangle", (0, 0), (1, 1)), bad])
    with pytest.raises(DataError, match=r"a\.json: shape 1 \(x\): .*" + words):
        mask(tmp_path)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shapes": None}, r"shapes: expected array, got null"),
        ({"shapes": [1]}, r"shapes\[0\]: expected object, got int"),
        ({"shapes": [{"label": "x"}]}, r"shapes\[0\]: object missing required field points"),
        ({"shapes": [shape(" ", "polygon")]}, r"shapes\[0\]: the label is empty"),
        ({"shapes": [shape(3, "polygon")]}, r"shapes\[0\]\.label: expected str, .*; move it away"),
        (
            {"imageHeight": None},
            "has no imageHeight or imageWidth; open it with LabelMe 4",
        ),
        ({"imageWidth": 0}, "imageWidth: expected int >= 1"),
        ({"imagePath": 1}, r"imagePath: expected str, got int"),
        ({"imagePath": ""}, "'' is no path"),
    ],
)
def test_files_that_are_not_of_labelme_are_named(tmp_path, fields, words):
    path = write(tmp_path, "a", [])
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    write(tmp_path, "b", [])
    with pytest.raises(DataError, match=r"a\.json: .*" + words):
        LABELME.open(tmp_path)


def embedded(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("name", ["gone.png", "a.json", "C:\\photos\\gone.png", "/x/gone.png", ""])
def test_the_embedded_image_stands_in_for_a_missing_file(tmp_path, name):
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    square = shape("x", "rectangle", (1, 1), (2, 3))
    path = write(tmp_path, "a", [square], imagePath=name, imageData=embedded(pixels))
    path.with_suffix(".png").unlink()
    (sample,) = LABELME.open(tmp_path).splits["train"]
    assert not missing_files([sample])
    checked = read_sample(sample, LABELME.open(tmp_path).info)
    np.testing.assert_array_equal(Image.open(io.BytesIO(checked.encoded_image)), pixels)
    assert checked.mask.sum() == 6
    write(tmp_path, "a", [square], imagePath=name, imageData="data:image/png;base64,AAAA")
    path.with_suffix(".png").unlink()
    with pytest.raises(DataError, match=r"a\.json: the content is unknown, but images must be"):
        mask(tmp_path)
    write(tmp_path, "a", [square], imagePath=name, imageData="A")
    path.with_suffix(".png").unlink()
    with pytest.raises(DataError, match=r"a\.json: its imageData is not base64"):
        mask(tmp_path)


def test_sixteen_bits_may_be_embedded(tmp_path):
    deep = embedded(np.full((HEIGHT, WIDTH), 3000, np.uint16))
    write(tmp_path, "a", [], imagePath="gone.png", imageData=deep)
    (sample,) = LABELME.open(tmp_path).splits["train"]
    with pytest.raises(DataError, match="16-bit image"):
        read_sample(sample, LABELME.open(tmp_path).info)


# fault 75
@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("C:\\Users\\me\\a.png", "train/a.png"),
        ("D:\\data\\photos\\a.png", "photos/a.png"),
        ("/home/me/train/a.png", "train/a.png"),
        ("..\\photos\\a.png", "photos/a.png"),
        ("a.png", "images/a.png"),
        ("a.png", "images/train/a.png"),
        ("..\\..\\elsewhere\\a.png", "train/a.png"),
    ],
)
def test_paths_of_another_machine(tmp_path, name, place):
    path = write(tmp_path, "train/a", [], imagePath=name)
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".png").rename(tmp_path / place)
    (sample,) = LABELME.open(tmp_path).splits["train"]
    assert sample.image == tmp_path / place


def test_files_and_images_may_have_a_folder_each(tmp_path):
    path = write(tmp_path / "json", "train/a", [])
    (tmp_path / "images/train").mkdir(parents=True)
    path.with_suffix(".png").rename(tmp_path / "images/train/a.png")
    (sample,) = LABELME.open(tmp_path).splits["train"]
    assert sample.image == tmp_path / "images/train/a.png"


def test_a_single_folder_that_is_no_split_is_train(tmp_path):
    write(tmp_path, "annotations/a", [])
    assert LABELME.open(tmp_path).info.splits == {"train": 1}
