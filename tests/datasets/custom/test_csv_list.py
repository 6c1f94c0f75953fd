from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.errors import DataError

CSV = get_dataset("csv")
FILES = ("photos/a, left.jpg", "photos/b.tif", "ä/c.png")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "classes.csv").write_text("name,id\nout,0\nin,1\n")
    for number, name in enumerate(FILES):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((2, 3, 3), number, np.uint8)).save(path)
        mask = tmp_path / "labels" / f"{number}.png"
        mask.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((2, 3), number % 2, np.uint8)).save(mask)
    return tmp_path


def write(root, text, name="dataset.csv"):
    (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())


# fault 21 and 25
@pytest.mark.parametrize(
    "text",
    [
        'image,mask,split\n"photos/a, left.jpg",labels/0.png,train\nphotos/b.tif,labels/1.png,val\n'
        "ä/c.png,labels/2.png,train\n",
        "\ufeffMask;Split;Image;Note\r\nlabels\\0.png;train;photos\\a, left.jpg;x\r\n;;;\r\n"
        "labels\\1.png;val;photos\\b.tif;\r\n\r\nlabels\\2.png; train ;ä\\c.png;\r\n",
        'image\tmask\tsplit\nphotos/a, left.jpg\tlabels/0.png\ttrain\n"photos/b.tif"\tlabels/1.png'
        "\tval\nä/c.png\tlabels/2.png\ttrain",
    ],
)
def test_pairs_as_programs_write_them(root, text):
    write(root, text)
    info = CSV.open(root).info
    assert info.splits == {"train": 2, "val": 1}
    found = list(CSV.open(root).splits["train"])
    assert [sample.image_id for sample in found] == ["photos/a, left", "ä/c"]
    assert [sample.mask.name for sample in found] == ["0.png", "2.png"]
    (sample,) = CSV.open(root).splits["val"]
    np.testing.assert_array_equal(read_sample(sample, info).mask, np.ones((2, 3)))


def test_the_file_itself_may_be_the_root_and_columns_may_be_absent(root):
    write(root, "image,mask,id\nä/c.png,labels/2.png,7\nphotos/b.tif,labels/1.png,\n", "pairs.csv")
    assert CSV.open(root / "pairs.csv").info.splits == {"train": 2}
    found = list(CSV.open(root / "pairs.csv").splits["train"])
    assert [sample.image_id for sample in found] == ["7", "photos/b"]
    with pytest.raises(DataError, match=r"dataset\.csv: missing; make it, .*'image,mask,split'"):
        CSV.open(root)
    with pytest.raises(DataError, match=r"unknown split 'val'; choose from \['train'\]"):
        CSV.open(root / "pairs.csv").splits["val"]


# fault 20
def test_missing_files_are_all_reported(root):
    write(root, "image,mask\nä/c.png,gone.png\nlost.jpg,labels/1.png\n")
    assert list(missing_files(CSV.open(root).splits["train"])) == ["ä/c", "lost"]


# fault 22, 24
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("a.png,m.png\n\nb.png,n.png\na.png,o.png\n", r"'a\.png' is in line 2 and again in line 5"),
        ("a.png,m.png\n./a.png,o.png\n", r"'\./a\.png' is in line 2 and again in line 3"),
        ("a.png,m.png\na.jpg,o.png\n", r"the id 'a' is in line 2 and again in line 3"),
        ("a.png,a.png\n", r"line 2 names the same file as image and mask"),
        ("a.png\n", r"line 2 has 1 fields"),
        ("../a.png,m.png\n", r"line 2: '\.\./a\.png' would leave .* move or copy them there"),
        (
            "/data/a.png,m.png\n",
            r"line 2: '/data/a\.png' would leave .*only files below it are read",
        ),
        ("C:\\data\\a.png,m.png\n", r"line 2: .* would leave .*only files below"),
        ("a.png,\n", r"line 2: '' is no path"),
        ("a.png,m.png,../up\n", r"line 2 has the split '\.\./up'; name it with letters"),
        ("a.png,m.png,\n", r"line 2 has the split ''"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(root, lines, words):
    header = "image,mask,split\n" if lines.split("\n")[0].count(",") == 2 else "image,mask\n"
    write(root, header + lines)
    with pytest.raises(DataError, match=r"dataset\.csv: .*" + words):
        CSV.open(root)


# fault 24
def test_links_that_leave_the_folder_are_refused(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.png"
    elsewhere.touch()
    (root / "link.png").symlink_to(elsewhere)
    write(root, "image,mask\nlink.png,labels/0.png\n")
    with pytest.raises(DataError, match=r"line 2: .*is a link that leaves the folder"):
        CSV.open(root)
