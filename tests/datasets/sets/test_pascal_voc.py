from __future__ import annotations

import pytest

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.lists import check_ids
from tf_image_segmentation.datasets.sets.pascal_voc import INFO, samples
from tf_image_segmentation.errors import DataError


def write_lists(root, train="t1\nt2\n", val="v 1\n"):
    folder = root / "ImageSets/Segmentation"
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text(train)
    (folder / "val.txt").write_text(val)
    return root


def test_description():
    # Class ids and colors as the VOC development kit publishes them.
    assert INFO.num_classes == 21
    assert (INFO.class_names[0], INFO.class_names[15], INFO.class_names[20]) == (
        "background",
        "person",
        "tv monitor",
    )
    assert INFO.palette[:4] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
    assert (INFO.palette[15], INFO.palette[20]) == ((192, 128, 128), (0, 64, 128))
    assert get_dataset("pascal_voc").info is INFO


def test_samples_in_list_order(tmp_path):
    root = write_lists(tmp_path / "VOC2012", train="t2\n\nt 1\n")
    first, second = samples(root, "train")
    assert first.image_id == "t2"
    assert first.image == root / "JPEGImages/t2.jpg"
    assert first.mask == root / "SegmentationClass/t2.png"
    assert second.image == root / "JPEGImages/t 1.jpg"  # fault 25
    assert first.read_mask is None


@pytest.mark.parametrize("below", ["", "VOC2012", "VOCdevkit/VOC2012"])
def test_root_may_be_a_parent(tmp_path, below):
    root = write_lists(tmp_path / below)
    assert next(samples(tmp_path, "val")).image == root / "JPEGImages/v 1.jpg"


def test_wrong_root_is_said(tmp_path):
    with pytest.raises(DataError, match="has no ImageSets/Segmentation; give the folder"):
        samples(tmp_path, "val")


# fault 22
def test_an_id_in_both_lists_is_refused_where_both_are_read(tmp_path):
    root = write_lists(tmp_path, "a\nsame\n", "same\n")
    splits = get_dataset("pascal_voc").open(root).splits
    with pytest.raises(DataError, match=r"same \(in train and val\)"):
        check_ids(splits)
    (root / "ImageSets/Segmentation/val.txt").unlink()
    assert [sample.image_id for sample in splits["train"]] == ["a", "same"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("labelmap.txt", "background:0,0,0::\nbone:255,0,204::\n"),
        ("labelmap.txt", "background:0,0,0::\naeroplane:0,128,0::\n"),
        ("class_names.txt", "_background_\nleaf\n"),
        ("classes.csv", "name\nbackground\nleaf\n"),
    ],
)
def test_a_root_that_names_other_classes_is_refused(tmp_path, file, text):
    root = write_lists(tmp_path)
    (root / file).write_text(text)
    with pytest.raises(DataError, match=r"is no PASCAL VOC 2012, because .*use the dataset 'voc'"):
        samples(root, "train")


def test_a_root_that_names_its_own_classes_is_read(tmp_path):
    root = write_lists(tmp_path)
    lines = [
        f"{name.replace(' ', '')}:{','.join(map(str, color))}::"
        for name, color in zip(INFO.class_names, INFO.palette, strict=True)
    ]
    (root / "labelmap.txt").write_text("\n".join([*lines, "ignored:224,224,192::"]))
    assert len(list(samples(root, "train"))) == 2


# fault 24
@pytest.mark.parametrize("bad", ["../../x", "/etc/passwd"])
def test_ids_that_leave_the_folder_are_refused(tmp_path, bad):
    with pytest.raises(DataError, match="would leave the folder"):
        list(samples(write_lists(tmp_path, val=f"{bad}\n"), "val"))


# fault 28
def test_unknown_split_lists_the_choices(tmp_path):
    with pytest.raises(DataError, match=r"unknown split 'test'; choose from \['train', 'val'\]"):
        samples(write_lists(tmp_path), "test")


# fault 28
def test_unknown_data_set_lists_the_choices():
    with pytest.raises(DataError, match=r"unknown dataset 'vok'; choose from .*'pascal_voc_sbd'"):
        get_dataset("vok")


def test_real_lists(shared_data):
    root = shared_data / "pascal_voc/VOCdevkit/VOC2012"
    for split, size in {"train": 1464, "val": 1449}.items():
        found = list(samples(root, split))
        assert len(found) == size == INFO.splits[split]
        assert all(sample.mask.parent == root / "SegmentationClass" for sample in found)
