from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.endovis_2017 import (
    instrument_type,
    read_frame,
    read_instruments,
)
from tf_image_segmentation.errors import DataError

# The folders of each video's instruments, as published: four ways to write left and right, and
# two of the videos without "_labels".
FOLDERS = {
    1: ("Left_Prograsp_Forceps_labels", "Maryland_Bipolar_Forceps_labels", "Other_labels"),
    2: ("Left_Prograsp_Forceps_labels", "Other_labels", "Right_Prograsp_Forceps_labels"),
    3: ("Left_Large_Needle_Driver_labels", "Right_Large_Needle_Driver_labels"),
    4: ("Large_Needle_Driver_Left_labels", "Prograsp_Forceps_labels"),
    5: ("Bipolar_Forceps_labels", "Grasping_Retractor_labels", "Vessel_Sealer_labels"),
    6: ("Monopolar_Curved_Scissors_labels", "Prograsp_Forceps", "Right_Large_Needle_Driver_labels"),
    7: ("Left_Bipolar_Forceps", "Right_Vessel_Sealer"),
    8: (
        "Bipolar_Forceps_labels",
        "Left_Grasping_Retractor_labels",
        "Monopolar_Curved_Scissors_labels",
    ),
}
# What the first, the second and the third folder of a video hold.
MASKS = (
    np.array([[10, 20, 30, 0, 0, 0]], np.uint8),
    np.array([[0, 0, 10, 20, 0, 0]], np.uint8),
    np.array([[0, 0, 0, 0, 30, 0]], np.uint8),
)
TASKS = ("binary", "parts", "type")


def classes(name: str, split: str, root, number: int = 0) -> list[str]:
    """Names of the classes of a frame's pixels."""
    dataset = get_dataset(name)
    sample = list(dataset.open(root).splits[split])[number]
    return [dataset.info.class_names[i] for i in read_sample(sample, dataset.info).mask.ravel()]


@pytest.fixture
def root(tmp_path):
    for video, instruments in FOLDERS.items():
        # The archives unpack to two folders.
        part = "instrument_1_4_training" if video < 5 else "instrument_5_8_training"
        folder = tmp_path / part / f"instrument_dataset_{video}"
        for place in ("left_frames", "right_frames", *(f"ground_truth/{i}" for i in instruments)):
            (folder / place).mkdir(parents=True)
        (folder / "camera_calibration.txt").touch()
        (tmp_path / part / "mappings.json").touch()
        for frame in ("frame000.png", "frame001.png"):
            Image.new("RGB", (6, 1)).save(folder / "left_frames" / frame)
            for instrument, mask in zip(instruments, MASKS, strict=False):
                # The second is saved as RGB.
                values = np.stack([mask] * 3, axis=-1) if mask is MASKS[1] else mask
                Image.fromarray(values).save(folder / "ground_truth" / instrument / frame)
    return tmp_path


def test_descriptions():
    for task, num_classes in {"binary": 2, "parts": 4, "type": 8}.items():
        info = get_dataset(f"endovis_2017_{task}").info
        assert info.num_classes == num_classes
        assert info.splits == {"train": 1350, "val": 450}
    types = get_dataset("endovis_2017_type").info.class_names
    assert (types[1], types[3], types[7]) == ("bipolar forceps", "large needle driver", "other")
    parts = get_dataset("endovis_2017_parts").info
    assert {v: parts.class_names[i] for v, i in parts.label_map.items() if v} == {
        10: "shaft",
        20: "wrist",
        30: "claspers",
    }


def test_types_of_all_folders():
    expected = {
        "Maryland_Bipolar_Forceps_labels": 1,
        "Left_Bipolar_Forceps": 1,
        "Prograsp_Forceps": 2,
        "Large_Needle_Driver_Right_labels": 3,
        "Right_Vessel_Sealer": 4,
        "Left_Grasping_Retractor_labels": 5,
        "Monopolar_Curved_Scissors_labels": 6,
        "Other_labels": 7,
    }
    for name, number in expected.items():
        assert instrument_type(Path(name)) == number
    assert all(instrument_type(Path(n)) for names in FOLDERS.values() for n in names)
    with pytest.raises(DataError, match=r"Suction_labels: is the folder of no known instrument"):
        instrument_type(Path("Suction_labels"))


@pytest.mark.parametrize("task", TASKS)
def test_whole_videos_make_the_splits(root, task):
    dataset = get_dataset(f"endovis_2017_{task}")
    train, val = (list(dataset.open(root).splits[split]) for split in ("train", "val"))
    assert [sample.image_id for sample in val] == [
        f"dataset_{video}_frame00{frame}" for video in (1, 3) for frame in (0, 1)
    ]
    assert {sample.image_id[:9] for sample in train} == {f"dataset_{v}" for v in (2, 4, 5, 6, 7, 8)}
    assert not missing_files(train + val)
    traveled = pickle.loads(pickle.dumps(val[0]))  # samples travel to worker processes
    np.testing.assert_array_equal(
        read_sample(traveled, dataset.info).mask, read_sample(val[0], dataset.info).mask
    )


def test_later_instruments_lie_over_earlier_ones(root):
    # Video 5: bipolar forceps, then a retractor over their claspers, then a sealer.
    first, bare = 4, "background"  # two frames of the videos 2 and 4 come before
    assert classes("endovis_2017_type", "train", root, first) == [
        *("bipolar forceps", "bipolar forceps", "grasping retractor", "grasping retractor"),
        *("vessel sealer", bare),
    ]
    assert classes("endovis_2017_parts", "train", root, first) == [
        *("shaft", "wrist", "shaft", "wrist", "claspers", bare)
    ]
    assert classes("endovis_2017_binary", "train", root, first) == 5 * ["instrument"] + [bare]


def test_other_instruments_count_for_the_types_alone(root):
    # Video 1 has them in the last folder.
    assert classes("endovis_2017_type", "val", root)[4:] == ["other", "background"]
    assert classes("endovis_2017_parts", "val", root)[4:] == ["background", "background"]
    assert classes("endovis_2017_binary", "val", root)[4:] == ["background", "background"]


def test_the_border_is_cut_off(tmp_path):
    frame = np.zeros((1080, 1920, 3), np.uint8)
    frame[28:1052, 320:1600] = 90
    frame[28, 320] = 200
    mask = np.zeros((1080, 1920), np.uint8)
    mask[28, 320] = mask[1051, 1599] = 10
    folder = tmp_path / "Vessel_Sealer_labels"
    folder.mkdir()
    Image.fromarray(frame).save(tmp_path / "frame000.png")
    Image.fromarray(mask).save(folder / "frame000.png")
    image = read_frame(tmp_path / "frame000.png")
    assert image.shape == (1024, 1280, 3)
    assert (image.min(), *image[0, 0]) == (90, 200, 200, 200)
    types = read_instruments(folder / "frame000.png", others=(), task="type")
    assert types.shape == (1024, 1280)
    assert (types[0, 0], types[-1, -1], types.sum()) == (4, 4, 8)


# fault 20
def test_masks_that_are_missing_are_reported(root):
    video = root / "instrument_1_4_training/instrument_dataset_3"
    right = "ground_truth/Right_Large_Needle_Driver_labels"
    (video / right / "frame001.png").unlink()
    (video / "left_frames/frame000.png").unlink()
    missing = missing_files(get_dataset("endovis_2017_binary").open(root).splits["val"])
    assert missing["dataset_3_frame001"].endswith(f"{right}/frame001.png: missing")
    assert missing["dataset_3_frame000"].endswith("left_frames/frame000.png: missing")


# fault 28
def test_folders_that_are_missing_or_unknown_are_said(root):
    dataset = get_dataset("endovis_2017_parts")
    with pytest.raises(DataError, match="unknown split 'test'"):
        dataset.open(root).splits["test"]
    video = root / "instrument_1_4_training/instrument_dataset_1"
    (video / "ground_truth/Suction_labels").mkdir()
    with pytest.raises(DataError, match="Suction_labels: is the folder of no known instrument"):
        dataset.open(root).splits["val"]
    (video / "ground_truth").rename(video / "truth")
    with pytest.raises(DataError, match="ground_truth: there is no such folder"):
        dataset.open(root).splits["val"]
    video.rename(video.with_name("video_1"))
    with pytest.raises(DataError, match="has no instrument_dataset_1; give the folder"):
        dataset.open(root).splits["val"]


def test_masks_of_different_sizes_are_refused(root):
    dataset = get_dataset("endovis_2017_binary")
    sample = dataset.open(root).splits["val"][0]
    Image.new("L", (5, 1)).save(sample.extra_files[0])
    with pytest.raises(DataError, match=r"has 1 x 5 pixels .* has 1 x 6; unpack them again"):
        read_sample(sample, dataset.info)


def test_image_is_that_of_the_left_camera(root):
    path = root / "instrument_1_4_training/instrument_dataset_1/left_frames/frame000.png"
    Image.new("RGB", (6, 1), (1, 2, 3)).save(path)
    dataset = get_dataset("endovis_2017_binary")
    checked = read_sample(dataset.open(root).splits["val"][0], dataset.info)
    stored = np.asarray(Image.open(io.BytesIO(checked.encoded_image)))
    assert stored.tolist() == [[[1, 2, 3]] * 6]
