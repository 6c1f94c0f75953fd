from __future__ import annotations

import io
import pickle

import h5py
import numpy as np
import pytest
import scipy.io
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.nyu_v2 import INFO, read_frame, read_labels, samples
from tf_image_segmentation.errors import DataError

HEIGHT, WIDTH = 4, 6
NAMES = INFO.class_names
# Labels and their names among the 894, with the class that they belong to.
WELL_KNOWN = {
    21: "wall",
    11: "floor",
    5: "chair",
    157: "bed",
    143: "floor mat",
    331: "person",
    55: "bag",
    850: "otherstructure",  # garage door
    868: "otherstructure",  # floor trim
    772: "otherfurniture",  # wardrobe
    882: "otherfurniture",  # lectern
    1: "otherprop",  # book
    894: "otherprop",  # torah
}


def frame(number: int) -> tuple[np.ndarray, np.ndarray]:
    """An image [height, width, 3] and its labels, no two alike."""
    rng = np.random.default_rng(number)
    labels = rng.integers(0, 895, (HEIGHT, WIDTH)).astype(np.uint16)
    return rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), labels


@pytest.fixture
def root(tmp_path):
    """Three frames as MATLAB writes them, its axes reversed; there is more in the real file."""
    images, labels = zip(*(frame(number) for number in (1, 2, 3)), strict=True)
    with h5py.File(tmp_path / "nyu_depth_v2_labeled.mat", "w", userblock_size=512) as file:
        file["images"] = np.stack(images).transpose(0, 3, 2, 1)
        file["labels"] = np.stack(labels).transpose(0, 2, 1)
        file["depths"] = np.zeros((3, WIDTH, HEIGHT), np.float32)
    content = {"trainNdxs": np.array([[3], [1]]), "testNdxs": np.array([[2]])}
    scipy.io.savemat(tmp_path / "splits.mat", content)
    return tmp_path


def test_description():
    assert get_dataset("nyu_v2_40").info is INFO
    assert (INFO.num_classes, INFO.ignore_label) == (40, 255)
    assert sum(INFO.splits.values()) == 1449
    assert len(set(INFO.palette)) == 40
    assert (NAMES[0], NAMES[19], NAMES[39]) == ("wall", "floor mat", "otherprop")
    assert INFO.palette[:2] == ((174, 199, 232), (152, 223, 138))


def test_labels_and_their_classes():
    assert sorted(INFO.label_map) == list(range(895))
    assert INFO.label_map[0] == 255
    for label, name in WELL_KNOWN.items():
        assert NAMES[INFO.label_map[label]] == name
    counts = np.bincount([INFO.label_map[label] for label in range(1, 895)])
    assert counts.tolist() == [1] * 37 + [68, 82, 707]


def test_frames_are_turned_upright_and_mapped(root):
    found = list(samples(root, "train"))
    assert [sample.image_id for sample in found] == ["0003", "0001"]
    assert pickle.loads(pickle.dumps(found[0])).image == root / "nyu_depth_v2_labeled.mat"
    assert not missing_files(found)
    for sample in [*found, *samples(root, "test")]:
        image, labels = frame(int(sample.image_id))
        checked = read_sample(sample, INFO)
        assert (checked.height, checked.width) == (HEIGHT, WIDTH)
        np.testing.assert_array_equal(Image.open(io.BytesIO(checked.encoded_image)), image)
        expected = [[INFO.label_map[label] for label in row] for row in labels.tolist()]
        np.testing.assert_array_equal(checked.mask, expected)


# fault 28
def test_missing_files_and_splits_are_said(root):
    with pytest.raises(DataError, match=r"unknown split 'val'; choose from \['test', 'train'\]"):
        samples(root, "val")
    (root / "splits.mat").rename(root / "splits")
    with pytest.raises(DataError, match=r"splits\.mat: cannot be read"):
        samples(root, "train")
    with pytest.raises(DataError, match=r"has no nyu_depth_v2_labeled\.mat; give the folder"):
        samples(root / "elsewhere", "train")


# fault 22
@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"trainNdxs": [1, 2], "testNdxs": [2]}, r"2 \(in train and test\)"),
        ({"trainNdxs": [0], "testNdxs": [2]}, "trainNdxs lists frame 0, but there are 1 to 1449"),
        ({"trainNdxs": [1], "testNdxs": [1.5]}, r"testNdxs lists frame 1\.5"),
        ({"trainNdxs": [1]}, "has no numbers testNdxs"),
        ({"trainNdxs": "1"}, "has no numbers trainNdxs"),
    ],
)
def test_splits_that_cannot_be_are_refused(root, numbers, message):
    scipy.io.savemat(root / "splits.mat", numbers)
    with pytest.raises(DataError, match=message):
        samples(root, "train")


@pytest.mark.parametrize("number", [0, 4])
def test_frames_that_are_not_there_are_refused(root, number):
    for read in (read_frame, read_labels):
        with pytest.raises(DataError, match=f"in which there is no frame {number}"):
            read(root / "nyu_depth_v2_labeled.mat", number=number)


def test_large_frames_are_refused(root):
    with pytest.raises(DataError, match=r"4 x 6 pixels \(height x width\), more .* of 23; raise"):
        read_frame(root / "nyu_depth_v2_labeled.mat", number=1, max_pixels=23)


# fault 27
def test_damage_is_a_data_error(root):
    path = root / "nyu_depth_v2_labeled.mat"
    data = path.read_bytes()
    for length in (0, 100, 512, 600, 1000):
        path.write_bytes(data[:length])
        with pytest.raises(DataError, match=r"is not a readable MATLAB 7\.3 file with images"):
            read_frame(path, number=1)
    with h5py.File(path, "w") as file:
        file.create_group("images")
        file["labels"] = np.zeros((3, 2))
    with pytest.raises(DataError, match="is not a readable"):
        read_frame(path, number=1)
    with pytest.raises(DataError, match=r"labels has the shape \[3, 2\]"):
        read_labels(path, number=1)
