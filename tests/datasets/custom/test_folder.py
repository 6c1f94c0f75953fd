from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.errors import DataError

FOLDER = get_dataset("folder")
IDS = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
CLASSES = "name,id\nwall,0\nwindow,1\ndoor,2\n"


def write_pair(root, name, split="", mask=IDS, image_suffix=".jpg", mask_suffix=".png"):
    for folder, suffix, pixels in (
        ("images", image_suffix, np.full((*mask.shape[:2], 3), 90, np.uint8)),
        ("masks", mask_suffix, mask),
    ):
        (root / folder / split).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / folder / split / f"{name}{suffix}")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "classes.csv").write_text(CLASSES)
    return tmp_path


@pytest.fixture
def in_subfolders(root):
    for split, names in {"train": ["b", "ä 1"], "val": ["c"]}.items():
        for name in names:
            write_pair(root, name, split)
    return root


@pytest.fixture
def flat(root):
    for name in "abc":
        write_pair(root, name)
    return root


def ids(root, split):
    return [sample.image_id for sample in FOLDER.open(root).splits[split]]


# fault 23, 25 and 26
def test_subfolders_are_splits(in_subfolders):
    for litter in (".DS_Store", "._b.jpg", "Thumbs.db"):
        (in_subfolders / "images/train" / litter).touch()
    info = FOLDER.open(in_subfolders).info
    assert info.splits == {"train": 2, "val": 1}
    assert info.class_names == ("wall", "window", "door")
    assert ids(in_subfolders, "train") == ["b", "ä 1"]
    (sample,) = FOLDER.open(in_subfolders).splits["val"]
    np.testing.assert_array_equal(read_sample(sample, info).mask, IDS)


# fault 21
def test_lists_are_splits_and_keep_their_order(flat):
    (flat / "train.txt").write_bytes("\ufeffc\r\n\r\na.jpg\r\n".encode())
    (flat / "val.txt").write_text("b\n")
    (flat / "README.txt").write_text("not a list\n")
    assert FOLDER.open(flat).info.splits == {"train": 2, "val": 1}
    assert ids(flat, "train") == ["c", "a"]
    assert not missing_files(FOLDER.open(flat).splits["train"])


def test_without_either_all_is_for_training(flat):
    assert FOLDER.open(flat).info.splits == {"train": 3}
    with pytest.raises(DataError, match=r"unknown split 'val'; choose from \['train'\]"):
        FOLDER.open(flat).splits["val"]


def test_only_one_way_of_splitting_at_once(in_subfolders):
    (in_subfolders / "val.txt").write_text("b\n")
    with pytest.raises(DataError, match=r"has the subfolder train and beside it val\.txt; splits"):
        FOLDER.open(in_subfolders)
    (in_subfolders / "val.txt").unlink()
    write_pair(in_subfolders, "z")
    with pytest.raises(DataError, match=r"subfolder train and beside it images/z\.jpg"):
        FOLDER.open(in_subfolders)


# fault 22
def test_an_id_in_two_splits_is_refused(in_subfolders):
    write_pair(in_subfolders, "b", "val")
    with pytest.raises(DataError, match=r"listed twice: b \(in train and val\)"):
        FOLDER.open(in_subfolders)


# fault 22
def test_names_that_differ_in_the_extension_alone_are_refused(flat):
    write_pair(flat, "a", image_suffix=".png")
    with pytest.raises(DataError, match=r"images: holds a\.jpg and a\.png, whose names differ"):
        FOLDER.open(flat)
    (flat / "images/a.png").unlink()
    (flat / "train.txt").write_text("b\nb.jpg\n")
    with pytest.raises(DataError, match=r"train\.txt: lists 'b' twice"):
        FOLDER.open(flat)


# fault 20
@pytest.mark.parametrize("layout", ["flat", "in_subfolders"])
def test_every_file_without_its_partner_is_reported(layout, request):
    root = request.getfixturevalue(layout)
    place = "" if layout == "flat" else "train/"
    write_pair(root, "x", place)
    write_pair(root, "y", place)
    (root / f"masks/{place}x.png").unlink()
    (root / f"images/{place}y.jpg").unlink()
    missing = missing_files(FOLDER.open(root).splits["train"])
    assert missing == {
        "x": f"{root}/masks/{place}x.png: missing",
        "y": f"{root}/images/{place}y.jpg: missing",
    }


def test_masks_of_other_names_are_said_once(in_subfolders):
    for path in list((in_subfolders / "masks" / "train").iterdir()):
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    with pytest.raises(
        DataError, match=r"no mask of the split train has the name of an image, .*_mask"
    ):
        FOLDER.open(in_subfolders)


# fault 20 and 24
def test_lists_name_files_that_are_missing_or_elsewhere(flat):
    (flat / "train.txt").write_text("a\ngone\n")
    missing = missing_files(FOLDER.open(flat).splits["train"])
    assert missing["gone"].endswith(
        "images/gone.jpg: missing, " + f"{flat}/masks/gone.png: missing"
    )
    (flat / "train.txt").write_text("a\n../../secret\n")
    with pytest.raises(DataError, match="would leave the folder"):
        FOLDER.open(flat).splits["train"]


# fault 24
def test_folders_may_be_links_but_files_may_not_lead_out(in_subfolders, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (in_subfolders / "images").rename(elsewhere / "images")
    (in_subfolders / "images").symlink_to(elsewhere / "images")
    assert not missing_files(FOLDER.open(in_subfolders).splits["train"])
    (elsewhere / "x.jpg").touch()
    (elsewhere / "images/val/x.jpg").symlink_to(elsewhere / "x.jpg")
    with pytest.raises(DataError, match=r"val/x\.jpg: is a link that leaves the folder"):
        FOLDER.open(in_subfolders)


def test_what_would_not_be_read_is_said(in_subfolders):
    (in_subfolders / "images/train/new.heic").touch()
    with pytest.raises(DataError, match=r"train/new\.heic: only files of the types \.jpg"):
        FOLDER.open(in_subfolders)
    (in_subfolders / "images/train/new.heic").unlink()
    (in_subfolders / "images/val/berlin").mkdir()
    with pytest.raises(DataError, match=r"val/berlin: only files .* one level of subfolders"):
        FOLDER.open(in_subfolders)
    with pytest.raises(DataError, match="images: there is no such folder"):
        FOLDER.open(in_subfolders / "elsewhere")


def test_what_lists_leave_out_is_logged(flat, caplog):
    (flat / "train.txt").write_text("a\n")
    assert FOLDER.open(flat).info.splits == {"train": 1}
    assert "2 files are in none of the lists train.txt and are left out: b, c" in caplog.text
    (flat / "Validation.TXT").write_text("b\nc\n")
    caplog.clear()
    assert FOLDER.open(flat).info.splits == {"val": 2, "train": 1}
    assert not caplog.text


def test_subfolders_that_fit_to_nothing_are_named(in_subfolders):
    (in_subfolders / "images/test").mkdir()
    with pytest.raises(DataError, match="images/test: is empty, though a subfolder is a split"):
        FOLDER.open(in_subfolders)
    (in_subfolders / "images/test").rmdir()
    (in_subfolders / "images/val").rename(in_subfolders / "images/Val")
    with pytest.raises(DataError, match="Val and val, whose names differ in case alone"):
        FOLDER.open(in_subfolders)


def test_tiff_images_of_sixteen_bits_and_other_mask_formats(root):
    values = np.array([[1000, 1500, 2000], [0, 4000, 1250]], np.uint16)
    for suffix in (".tif", ".png"):
        write_pair(root, "deep", image_suffix=suffix, mask_suffix=".bmp")
        Image.fromarray(values).save(root / f"images/deep{suffix}")
        (sample,) = FOLDER.open(root).splits["train"]
        info = FOLDER.open(root).info
        with pytest.raises(DataError, match="16-bit image; give intensity_range"):
            read_sample(sample, info)
        checked = read_sample(sample, info, intensity_range=(1000, 2000))
        shown = np.asarray(Image.open(io.BytesIO(checked.encoded_image)))
        np.testing.assert_array_equal(shown[:, :, 1], [[0, 128, 255], [0, 255, 64]])
        np.testing.assert_array_equal(checked.mask, IDS)
        (root / f"images/deep{suffix}").unlink()


# fault 13
def test_jpeg_masks_are_read_by_threshold_alone(root):
    (root / "classes.csv").write_text("name\nground\ncrack\n")
    black_and_white = np.kron(np.eye(2, dtype=np.uint8), np.full((8, 8), 255, np.uint8))
    write_pair(root, "a", mask=black_and_white, mask_suffix=".jpg")
    (sample,) = FOLDER.open(root).splits["train"]
    info = FOLDER.open(root).info
    with pytest.raises(DataError, match=r"is a JPEG.*mask_encoding='threshold_128'"):
        read_sample(sample, info)
    checked = read_sample(sample, replace(info, mask_encoding="threshold_128"))
    np.testing.assert_array_equal(checked.mask, black_and_white // 255)


def rename_masks(root, suffix):
    for path in [path for path in (root / "masks").rglob("*") if path.is_file()]:
        path.rename(path.with_name(f"{path.stem}{suffix}{path.suffix}"))


def test_masks_with_a_suffix(in_subfolders):
    rename_masks(in_subfolders, "-labels")
    with pytest.raises(DataError, match=r"such as .*; add --mask-suffix=-labels"):
        FOLDER.open(in_subfolders)
    info, splits = FOLDER.open(in_subfolders, mask_suffix="-labels")
    assert [sample.image_id for sample in splits["train"]] == ["b", "ä 1"]
    np.testing.assert_array_equal(read_sample(splits["val"][0], info).mask, IDS)


def test_masks_with_a_suffix_in_lists(flat):
    rename_masks(flat, "_m")
    (flat / "train.txt").write_text("a\nb\n")
    splits = FOLDER.open(flat, mask_suffix="_m").splits
    assert {split: len(samples) for split, samples in splits.items()} == {"train": 2}
    assert not missing_files(splits["train"])
    with pytest.raises(DataError, match="--masks: is no option of the dataset 'folder'"):
        FOLDER.open(flat, masks="_m")


def test_splits_may_come_first_and_folders_have_other_names(root):
    for split, names in {"train": "ab", "valid": "c"}.items():
        for name in names:
            write_pair(root / split, name)
        (root / split / "masks").rename(root / split / "labels")
    info, splits = FOLDER.open(root)
    assert info.splits == {"train": 2, "val": 1}
    np.testing.assert_array_equal(read_sample(splits["val"][0], info).mask, IDS)
    write_pair(root / "test", "c")
    with pytest.raises(DataError, match=r"listed twice: c \(in test and valid\)"):
        FOLDER.open(root)


def test_classes_may_be_named_by_other_files(flat):
    (flat / "classes.csv").unlink()
    (flat / "classes.txt").write_text("wall\nwindow\ndoor\n")
    info, splits = FOLDER.open(flat)
    assert info.class_names == ("wall", "window", "door")
    np.testing.assert_array_equal(read_sample(splits["train"][0], info).mask, IDS)
