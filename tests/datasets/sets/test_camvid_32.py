from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.decode.masks import read_class_ids
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.camvid_32 import IMAGES, INFO, MASKS, samples
from tf_image_segmentation.errors import DataError


@pytest.fixture
def make_frames(tmp_path):
    """make_frames(names) -> root, with empty files."""

    def make(names):
        for folder, end in ((IMAGES, ".png"), (MASKS, "_L.png")):
            (tmp_path / folder).mkdir(exist_ok=True)
            for name in names:
                (tmp_path / folder / f"{name}{end}").touch()
        return tmp_path

    return make


def test_published_classes():
    assert get_dataset("camvid_32").info is INFO
    assert INFO.num_classes == len(set(INFO.class_names)) == len(set(INFO.palette)) == 31
    colors = dict(zip(INFO.class_names, INFO.palette, strict=True))
    assert colors["animal"] == (64, 128, 64)
    assert colors["building"] == (128, 0, 0)
    assert colors["column_pole"] == (192, 192, 128)
    assert colors["road"] == (128, 64, 128)
    assert colors["suvpickuptruck"] == (64, 128, 192)
    assert colors["wall"] == (64, 192, 0)
    assert INFO.splits == {"train": 367, "val": 101, "test": 233}
    assert INFO.class_names == tuple(sorted(INFO.class_names))


def test_frames_are_divided_as_in_segnets_lists(make_frames):
    parts = {
        "train": [f"0001TP_{n:06}" for n in range(6690, 8521, 30)]
        + [f"0006R0_f{n:05}" for n in range(930, 3931, 30)]
        + [f"0016E5_{n:05}" for n in (390, 900, 7920, 8190, 8640)],
        "val": [f"0016E5_{n:05}" for n in range(7959, 8160, 2)],
        "test": [f"0001TP_{n:06}" for n in range(8550, 10381, 30)]
        + [f"Seq05VD_f{n:05}" for n in range(0, 5101, 30)],
    }
    root = make_frames([name for names in parts.values() for name in names])
    for split, names in parts.items():
        found = list(samples(root, split))
        assert [sample.image_id for sample in found] == sorted(names)
        assert not missing_files(found)
    assert (len(parts["val"]), len(parts["test"])) == (101, 233)


def test_the_rule_agrees_with_segnets_own_lists(shared_data, make_frames):
    named = {
        split: sorted(path.stem for path in (shared_data / "camvid" / split).glob("*.png"))
        for split in ("train", "val")
    }
    root = make_frames(named["train"] + named["val"])
    for split, names in named.items():
        assert [sample.image_id for sample in samples(root, split)] == names
        assert len(names) == INFO.splits[split]


def test_colors_become_ids_black_becomes_void_and_white_is_refused(make_frames):
    root = make_frames(["Seq05VD_f00000"])
    colors = np.array([[*INFO.palette, (0, 0, 0)]], np.uint8)
    for path in (root / IMAGES / "Seq05VD_f00000.png", root / MASKS / "Seq05VD_f00000_L.png"):
        Image.fromarray(colors).save(path)
    (sample,) = samples(root, "test")
    np.testing.assert_array_equal(read_sample(sample, INFO).mask, [[*range(31), 255]])
    Image.fromarray(np.full((1, 32, 3), 255, np.uint8)).save(sample.mask)
    with pytest.raises(DataError, match=r"\(255, 255, 255\) \(32 pixels\)"):
        read_class_ids(sample, INFO)
    black = replace(INFO, void_colors=())
    Image.fromarray(colors).save(sample.mask)
    with pytest.raises(DataError, match=r"\(0, 0, 0\) \(1 pixel\)"):
        read_class_ids(sample, black)


# fault 20, 23 and 28
def test_what_is_missing_or_of_no_sequence_is_said(make_frames):
    root = make_frames(["0016E5_00390", "0016E5_00420"])
    (root / MASKS / ".DS_Store").touch()
    (root / MASKS / "label_colors.txt").touch()
    (root / MASKS / "0016E5_00390_L.png").unlink()
    assert list(missing_files(samples(root, "train"))) == ["0016E5_00390"]
    with pytest.raises(DataError, match=r"unknown split 'trainval'"):
        samples(root, "trainval")
    with pytest.raises(DataError, match="701_StillsRaw_full: there is no such folder"):
        samples(root / IMAGES, "train")
    make_frames(["0005VD_f00000"])
    with pytest.raises(DataError, match="'0005VD_f00000' is a frame of none of CamVid's sequences"):
        samples(root, "train")
