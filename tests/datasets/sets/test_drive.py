from __future__ import annotations

import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.drive import INFO, samples
from tf_image_segmentation.errors import DataError

HEIGHT, WIDTH = 12, 11
NUMBERS = {"training": range(21, 41), "test": range(1, 21)}
ROWS, COLUMNS = np.indices((HEIGHT, WIDTH))
INSIDE = (ROWS - 6) ** 2 + (COLUMNS - 5) ** 2 < 20


def vessels(number):
    return (ROWS + number * COLUMNS) % 7 < 2


def save_binary(values, path):
    # As published: palette GIFs whose two entries are black and white, in one byte a pixel.
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(values, 255, 0).astype(np.uint8)).save(path)


@pytest.fixture
def root(tmp_path):
    for folder, numbers in NUMBERS.items():
        (tmp_path / folder / "images").mkdir(parents=True)
        for n in numbers:
            image = np.full((HEIGHT, WIDTH, 3), n, np.uint8)
            Image.fromarray(image).save(tmp_path / folder / f"images/{n:02}_{folder}.tif")
            save_binary(vessels(n), tmp_path / folder / f"1st_manual/{n:02}_manual1.gif")
            save_binary(INSIDE, tmp_path / folder / f"mask/{n:02}_{folder}_mask.gif")
    return tmp_path


def test_vessels_count_inside_the_field_of_view_only(root):
    for split, folder in {"train": "training", "test": "test"}.items():
        found = list(samples(root, split))
        assert not missing_files(found)
        assert len(found) == INFO.splits[split]
        assert [s.image_id for s in found] == [f"{n:02}_{folder}" for n in NUMBERS[folder]]
        for number, sample in zip(NUMBERS[folder], found, strict=True):
            checked = read_sample(pickle.loads(pickle.dumps(sample)), INFO)
            expected = np.where(INSIDE, vessels(number), 255)
            np.testing.assert_array_equal(checked.mask, expected)
            assert set(np.unique(checked.mask)) == {0, 1, 255}


def test_a_folder_above_is_fine(root):
    shutil.copytree(root, root / "above" / "DRIVE")
    assert len(list(samples(root / "above", "test"))) == 20


def test_litter_is_passed_over_and_missing_partners_are_reported(root):
    for litter in ("training/images/.DS_Store", "training/mask/._21_training_mask.gif"):
        (root / litter).touch()
    (root / "training/images/21_training.tif").unlink()
    (root / "training/1st_manual/22_manual1.gif").unlink()
    (root / "training/mask/23_training_mask.gif").unlink()
    missing = missing_files(samples(root, "train"))
    assert list(missing) == ["21_training", "22_training", "23_training"]
    assert missing["23_training"].endswith("mask/23_training_mask.gif: missing")


def test_releases_without_masks_of_the_test_images(root):
    shutil.rmtree(root / "test/1st_manual")
    with pytest.raises(DataError, match=r"test/1st_manual: .*only the split train can be used"):
        samples(root, "test")
    assert len(list(samples(root, "train"))) == 20


def read_first(root):
    return read_sample(next(samples(root, "train")), INFO)


def test_other_values_and_sizes_are_refused(root):
    field = root / "training/mask/21_training_mask.gif"
    save_binary(INSIDE[:-1], field)
    with pytest.raises(
        DataError, match=r"21_training_mask\.gif.*11 x 11.*21_manual1\.gif has 12 x"
    ):
        read_first(root)
    Image.fromarray(INSIDE.astype(np.uint8)).save(field)
    with pytest.raises(DataError, match=r"21_training_mask\.gif: holds other values than 0 and"):
        read_first(root)
    save_binary(INSIDE, field)
    manual = root / "training/1st_manual/21_manual1.gif"
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), (255, 0, 0), np.uint8)).save(manual)
    with pytest.raises(DataError, match=r"21_manual1\.gif: holds other values"):
        read_first(root)


def test_wrong_roots_and_splits_are_said(root):
    with pytest.raises(DataError, match="has no training"):
        samples(root / "test", "train")
    with pytest.raises(DataError, match=r"unknown split 'val'; choose from \['test', 'train'\]"):
        samples(root, "val")
