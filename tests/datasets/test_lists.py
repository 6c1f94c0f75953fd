from __future__ import annotations

import pytest

from tf_image_segmentation.datasets import Sample
from tf_image_segmentation.datasets.lists import (
    check_disjoint,
    find_root,
    list_files,
    missing_files,
    paired_files,
    paired_splits,
    read_ids,
    read_pairs,
    resolve_inside,
)
from tf_image_segmentation.errors import DataError


# fault 21 and 25
@pytest.mark.parametrize(
    "content",
    [
        "b 1\nä\n",
        "b 1\nä",
        "\ufeffb 1\r\nä\r\n",
        "\n\nb 1\n   \n\t\nä\n\n",
        "  b 1 \r\n\r\nä\t\r\n",
    ],
)
def test_ids_are_read_in_order_whatever_the_white_space(tmp_path, content):
    path = tmp_path / "train.txt"
    path.write_bytes(content.encode())
    assert read_ids(path) == ["b 1", "ä"]


def test_only_line_feeds_end_a_line(tmp_path):
    path = tmp_path / "train.txt"
    path.write_bytes("a\u2028b\nc\x0bd\n".encode())
    assert read_ids(path) == ["a\u2028b", "c\x0bd"]


# fault 22
def test_the_same_id_twice_is_refused(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("a\n\nb\na \n")
    with pytest.raises(DataError, match=r"train\.txt: 'a' is in line 1 and again in line 4"):
        read_ids(path)
    path.write_text("x.png y.png\nx.png z.png\n")
    with pytest.raises(DataError, match=r"train\.txt: 'x\.png' is in line 1 and again in line 2"):
        read_pairs(path)


# fault 22
def test_ids_in_two_splits_are_refused():
    check_disjoint({"train": ["a", "b"], "val": ["c"], "test": []})
    with pytest.raises(DataError, match=r"2 ids are listed twice: b \(in train and val\), d"):
        check_disjoint({"train": ["a", "b"], "val": ["c", "b", "d"], "test": ["d"]})
    with pytest.raises(DataError, match=r"a \(in train and train\)"):
        check_disjoint({"train": ["a", "a"]})


@pytest.mark.parametrize("content", [b"", b"\n \r\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("read", [read_ids, read_pairs])
def test_an_empty_list_is_refused(tmp_path, content, read):
    path = tmp_path / "train.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"train\.txt: lists no"):
        read(path)


def test_unreadable_lists_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"train\.txt: the list cannot be read \(No such file"):
        read_ids(tmp_path / "train.txt")
    path = tmp_path / "val.txt"
    path.write_bytes("ä\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"val\.txt: the list is not UTF-8"):
        read_ids(path)


# fault 21 and 25
def test_pairs(tmp_path):
    path = tmp_path / "train.txt"
    path.write_bytes(
        "\ufeffi/a.png m/a.png\r\n\r\ni/b c.png m/b c.png\ni/d e.png\tm/f.png\n".encode()
    )
    assert read_pairs(path) == [
        ("i/a.png", "m/a.png"),
        ("i/b c.png", "m/b c.png"),
        ("i/d e.png", "m/f.png"),
    ]
    path.write_text("a.png b.png\nc.png\n")
    with pytest.raises(DataError, match=r"line 2 is not an image and a mask: 'c\.png'"):
        read_pairs(path)


# fault 24
@pytest.mark.parametrize(
    "relative", ["../x", "../../x", "a/../../x", "a/..", "/etc/passwd", "a\0b", ".."]
)
def test_paths_that_leave_the_folder_are_refused(tmp_path, relative):
    with pytest.raises(DataError, match="would leave the folder"):
        resolve_inside(tmp_path, relative)


# fault 24
def test_links_may_not_leave_the_folder(tmp_path):
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "x.jpg").write_bytes(b"x")
    (folder / "file.jpg").symlink_to(outside / "x.jpg")
    (folder / "sub").symlink_to(outside)
    (folder / "inner.jpg").symlink_to(folder / "y.jpg")
    for relative in ("file.jpg", "sub/x.jpg", "sub/absent.jpg"):
        with pytest.raises(DataError, match="is a link that leaves the folder"):
            resolve_inside(folder, relative)
    assert resolve_inside(folder, "inner.jpg") == folder / "inner.jpg"
    # A sibling whose name begins like the folder's is outside too.
    (tmp_path / "folder2").mkdir()
    (folder / "sly").symlink_to(tmp_path / "folder2")
    with pytest.raises(DataError, match="is a link that leaves"):
        resolve_inside(folder, "sly/x.jpg")


# fault 24
def test_the_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for relative in ("a.jpg", "sub/b.jpg", "..dots.jpg", "ü ü.jpg"):
        assert resolve_inside(tmp_path / "link", relative) == tmp_path / "link" / relative


# fault 23 and 26
def test_files_are_listed_sorted_and_without_litter(tmp_path):
    names = ["b.png", "a.PNG", "ä 1.png", "10.png", "9.png"]
    litter = [".DS_Store", "._a.png", ".hidden.png", "Thumbs.db", "desktop.ini", "notes.txt"]
    for name in names + litter:
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    listed = list_files(tmp_path, [".png"])
    assert [path.name for path in listed] == ["10.png", "9.png", "a.PNG", "b.png", "ä 1.png"]
    with pytest.raises(DataError, match="absent: there is no such folder"):
        list_files(tmp_path / "absent", [".png"])


def test_find_root(tmp_path):
    (tmp_path / "kit" / "lists").mkdir(parents=True)
    assert find_root(tmp_path, "lists", ("kit",)) == tmp_path / "kit"
    assert find_root(tmp_path / "kit", "lists", ("kit",)) == tmp_path / "kit"
    with pytest.raises(DataError, match="has no lists; give the folder that holds it"):
        find_root(tmp_path, "lists", ("other",))


# fault 20
def test_all_missing_files_are_reported_at_once(tmp_path):
    (tmp_path / "here").touch()
    here = tmp_path / "here"
    samples = [
        Sample("good", here, here),
        Sample("no image", tmp_path / "gone.jpg", here),
        Sample("no mask", here, tmp_path / "gone.png"),
        Sample("neither", tmp_path / "a.jpg", tmp_path / "a.png"),
    ]
    missing = missing_files(samples)
    assert list(missing) == ["no image", "no mask", "neither"]
    assert missing["no image"] == f"{tmp_path / 'gone.jpg'}: missing"
    assert missing["neither"] == f"{tmp_path / 'a.jpg'}: missing, {tmp_path / 'a.png'}: missing"


# fault 20, 23 and 25
def test_files_of_two_folders_are_paired_by_the_start_of_their_names(tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    for folder, names in {
        images: ["b_left.png", "ä 1_left.png", "._b_left.png", "b_right.png", "b_left.txt"],
        masks: ["b_ids.png", "c_ids.png", "b_color.png", ".DS_Store"],
    }.items():
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    found = paired_files(images, masks, image_end="_left.png", mask_end="_ids.png")
    assert found == [
        ("b", images / "b_left.png", masks / "b_ids.png"),
        ("c", images / "c_left.png", masks / "c_ids.png"),
        ("ä 1", images / "ä 1_left.png", masks / "ä 1_ids.png"),
    ]
    assert list(missing_files(Sample(*pair) for pair in found)) == ["c", "ä 1"]
    with pytest.raises(DataError, match="there is no such folder"):
        paired_files(images, tmp_path / "absent")


# fault 25
def test_endings_of_either_case_are_paired_and_never_passed_over(tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    for folder, name in ((images, "a.JPG"), (images, "b.jpg"), (masks, "a.png"), (masks, "b.PNG")):
        folder.mkdir(exist_ok=True)
        (folder / name).touch()
    assert paired_files(images, masks) == [
        ("a", images / "a.JPG", masks / "a.png"),
        ("b", images / "b.jpg", masks / "b.PNG"),
    ]
    (images / "b.JPG").touch()
    with pytest.raises(DataError, match=r"images: holds both b\.(JPG and b\.jpg|jpg and b\.JPG)"):
        paired_files(images, masks)


# fault 22
def test_a_name_in_two_splits_is_refused_and_other_splits_may_be_absent(tmp_path):
    folders = {name: (tmp_path / name, tmp_path / f"{name} masks") for name in ("train", "val")}
    ends = {"image_end": ".jpg", "mask_end": ".png"}
    for folder in folders["train"]:
        folder.mkdir()
    (tmp_path / "train/a.jpg").touch()
    assert [name for name, _, _ in paired_splits(folders, "train", **ends)] == ["a"]
    with pytest.raises(DataError, match="val: there is no such folder"):
        paired_splits(folders, "val", **ends)
    for folder in folders["val"]:
        folder.mkdir()
    (tmp_path / "val masks/a.png").touch()
    with pytest.raises(DataError, match=r"a \(in train and val\)"):
        paired_splits(folders, "train", **ends)
