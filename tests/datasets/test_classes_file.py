from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import Sample, get_dataset
from tf_image_segmentation.datasets.classes_file import (
    published_classes,
    published_file,
    read_classes,
)
from tf_image_segmentation.datasets.decode.masks import read_class_ids
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.errors import DataError


@pytest.fixture
def classes(tmp_path):
    def write(text):
        path = tmp_path / "classes.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_classes(path, "toy")

    return write


def stored(tmp_path, values, info):
    path = tmp_path / "mask.png"
    image = (
        values if isinstance(values, Image.Image) else Image.fromarray(np.array(values, np.uint8))
    )
    image.save(path)
    return read_class_ids(Sample("a", Path("a.jpg"), path), info).tolist()


def test_ids_from_zero_are_class_ids(classes, tmp_path):
    info = classes("name,id\ndoor,2\nwall,0\nwindow,1\n")
    assert info.class_names == ("wall", "window", "door")
    assert (info.mask_encoding, info.ignore_label) == ("index", 255)
    assert info.palette == voc_color_map(3)
    assert stored(tmp_path, [[0, 2, 255]], info) == [[0, 2, 255]]


# fault 17
def test_a_row_for_ignored_pixels_gives_the_ignore_label(classes, tmp_path):
    info = classes("name,id\nground,0\nVoid,255\nroad,1\n")
    assert info.class_names == ("ground", "road")
    assert stored(tmp_path, [[0, 255]], info) == [[0, 255]]
    assert stored(tmp_path, [[0, 255]], replace(info, mask_encoding="binary_255")) == [[0, 1]]
    info = classes("name,id\nsky,0\nroad,1\nignore,2\n")
    assert info.ignore_label == 2
    with pytest.raises(DataError, match="ids that are neither a class"):
        stored(tmp_path, [[0, 255]], info)


def test_other_ids_are_mapped_in_the_order_of_the_file(classes, tmp_path):
    info = classes("name,id\nwater,100\nground,0\ntree,50\n")
    assert info.label_map == {100: 0, 0: 1, 50: 2}
    assert stored(tmp_path, [[0, 50, 100]], info) == [[1, 2, 0]]
    with pytest.raises(DataError, match=r"label map of dataset 'toy' lacks: 255 \(1 pixel\)"):
        stored(tmp_path, [[0, 255]], info)
    info = classes("id;name\n0;ignore\n1;cat\n2;dog\n")
    assert stored(tmp_path, [[0, 1, 2]], info) == [[255, 0, 1]]
    assert stored(tmp_path, [[0, 255]], classes("name,id\nout,0\nin,255\n")) == [[0, 1]]


@pytest.mark.parametrize(
    "text",
    [
        "name,red,green,blue\nwall,255,128,0\ndoor,0,0,255\n",
        "name,r,g,b\nwall,255,128,0\ndoor,0,0,255\n",
        "Name;Color\r\nwall;#FF8000\r\ndoor;#0000ff\r\n",
        'name,color\n"wall","255, 128, 0"\ndoor,0 0 255\n',
        b"\xef\xbb\xbfname\tcolor\twho\nwall\t(255, 128, 0)\tme\ndoor\t0 0 255\t\n",
    ],
)
def test_colors_alone_are_those_of_the_masks(classes, text, tmp_path):
    info = classes(text)
    assert info.class_names == ("wall", "door")
    assert info.palette == ((255, 128, 0), (0, 0, 255))
    assert info.mask_encoding == "rgb"
    mask = [[[0, 0, 255], [255, 128, 0], [255, 255, 255]]]
    assert stored(tmp_path, mask, info) == [[1, 0, 255]]


def test_a_color_for_ignored_pixels(classes, tmp_path):
    info = classes("name,color\nwall,#ffffff\nignore,#000000\ndoor,#0000ff\n")
    mask = [[[0, 0, 255], [0, 0, 0], [255, 255, 255]]]
    assert stored(tmp_path, mask, info) == [[1, 255, 0]]


def test_ids_decide_where_there_are_colors_as_well(classes, tmp_path):
    info = classes("name,id,color\ndoor,1,#0000ff\nwall,0,#ff8000\nvoid,7,\n")
    assert info.palette == ((255, 128, 0), (0, 0, 255))
    palette = Image.fromarray(np.array([[0, 1, 7]], np.uint8), "P")
    palette.putpalette(range(24))
    assert stored(tmp_path, palette, info) == [[0, 1, 7]]
    assert stored(tmp_path, [[[0, 0, 255]]], replace(info, mask_encoding="rgb")) == [[1]]


def test_names_alone_are_numbered(classes, tmp_path):
    info = classes("name\n\nbackground\ncoin\n")
    assert info.class_names == ("background", "coin")
    assert stored(tmp_path, [[0, 1]], info) == [[0, 1]]
    with pytest.raises(DataError, match="mask_encoding='binary_255'"):
        stored(tmp_path, [[0, 255]], info)


def test_as_many_classes_as_eight_bits_hold(classes):
    lines = "".join(f"class {n},{n}\n" for n in range(256))
    info = classes("name,id\n" + lines)
    assert (info.num_classes, info.ignore_label, len(set(info.palette))) == (256, None, 256)
    with pytest.raises(DataError, match=r"names 257 classes; .* 1 to 256"):
        classes("name,id\n" + lines + "more,256\n")
    with pytest.raises(DataError, match=r"names 256 classes; .* 1 to 255"):
        classes("name,id\n" + lines + "void,256\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"is empty"),
        ("\n\n", r"has no column 'name'; its first line must name the columns, and has none"),
        ("label,id\nwall,0\n", r"has no column 'name'; .* and has 'label', 'id'"),
        ("name,id\n", r"has no row below its header"),
        ("name,id,ID\nwall,0,0\n", r"names the column id twice"),
        ("name,id\nwall,0\nwall,1\n", r"'wall' is in line 2 and again in line 3"),
        ("name,id\nwall,0\n\ndoor,0\n", r"the id 0 is in line 2 and again in line 4"),
        ("name,id\nwall,0\nvoid,0\n", r"the id 0 is in line 2 and again in line 3"),
        ("name,id\nwall,0\n,1\n", r"line 3 has no name"),
        ("name,id\nwall,0\ndoor,\n", r"line 3 has no id, but others do"),
        ("name,id\nwall,-1\n", r"line 2 has the id '-1'"),
        ("name,id\nwall,1.5\n", r"line 2 has the id '1\.5'"),
        ("name,id\nwall,4294967296\n", r"line 2 has the id '4294967296'"),
        ("name,id\nwall,0\nvoid,\n", r"line 3 needs the id that marks ignored pixels"),
        ("name,id\nwall,0\nvoid,4\nignore,5\n", r"lines 3 and 4 both stand for ignored"),
        ("name,id\nvoid,0\n", r"names 0 classes"),
        ("name,color\nwall,red\n", r"line 2 has the color 'red'; write it as"),
        ("name,r,g,b\nwall,1,2,256\n", r"line 2 has the color '1 2 256'"),
        ("name,r,g,b\nwall,1,,2\n", r"line 2 has the color '1  2'"),
        ("name,color,r,g,b\nwall,#000000,1,2,3\n", r"line 2 has two colors"),
        ("name,color\nwall,#000000\ndoor,0 0 0\n", r"color \(0, 0, 0\) is in line 2 and again"),
        ("name,id\nwall,0,7\n", r"line 2 has 3 fields, but the header names 2"),
        ("name,id\nwall\n", r"line 2 has 1 fields, but the header names 2"),
        ('name,id\n"wall,0\n', r"line \d is not valid CSV"),
        ("name\nW\u00e4nde\n".encode("latin-1"), r"is not UTF-8 text .* save it as 'CSV UTF-8'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(classes, text, words):
    with pytest.raises(DataError, match=r"classes\.csv: .*" + words):
        classes(text)


def test_a_missing_file_is_described(tmp_path):
    with pytest.raises(DataError, match=r"classes\.csv: missing; make it, .* 'name,id'"):
        read_classes(tmp_path / "classes.csv", "toy")


def test_every_table_that_ships_is_of_a_dataset_and_gives_its_classes():
    tables = sorted(path.stem for path in published_file("ade20k").parent.iterdir())
    assert len(tables) > 5
    for name in tables:
        info, table = get_dataset(name).info, published_classes(name)
        assert (info.class_names, info.palette) == (table.class_names, table.palette)
