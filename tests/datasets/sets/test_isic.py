from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.errors import DataError

# As the archives unpack, with one image a split.
FILES = {
    "isic_2017": {
        "train": (
            "ISIC-2017_Training_Data/ISIC_0000000.jpg",
            "ISIC-2017_Training_Part1_GroundTruth/ISIC_0000000_segmentation.png",
        ),
        "val": (
            "ISIC-2017_Validation_Data/ISIC_0001769.jpg",
            "ISIC-2017_Validation_Part1_GroundTruth/ISIC_0001769_segmentation.png",
        ),
        "test": (
            "ISIC-2017_Test_v2_Data/ISIC_0012086.jpg",
            "ISIC-2017_Test_v2_Part1_GroundTruth/ISIC_0012086_segmentation.png",
        ),
    },
    "isic_2018": {
        "train": (
            "ISIC2018_Task1-2_Training_Input/ISIC_0000000.jpg",
            "ISIC2018_Task1_Training_GroundTruth/ISIC_0000000_segmentation.png",
        ),
        "val": (
            "ISIC2018_Task1-2_Validation_Input/ISIC_0012255.jpg",
            "ISIC2018_Task1_Validation_GroundTruth/ISIC_0012255_segmentation.png",
        ),
        "test": (
            "ISIC2018_Task1-2_Test_Input/ISIC_0012169.jpg",
            "ISIC2018_Task1_Test_GroundTruth/ISIC_0012169_segmentation.png",
        ),
    },
}
LESION = np.array([[0, 255, 255], [0, 0, 255]], np.uint8)


@pytest.fixture(params=FILES)
def name(request):
    return request.param


@pytest.fixture
def root(tmp_path, name):
    for image, mask in FILES[name].values():
        for path in (tmp_path / image, tmp_path / mask):
            path.parent.mkdir()
            (path.parent / "ATTRIBUTION.txt").touch()
            (path.parent / "LICENSE.txt").touch()
        Image.new("RGB", (3, 2)).save(tmp_path / image)
        if name == "isic_2017":
            superpixels = (tmp_path / image).with_suffix("").as_posix() + "_superpixels.png"
            Image.new("RGB", (3, 2)).save(superpixels)
        Image.fromarray(LESION).save(tmp_path / mask)
    return tmp_path


def test_descriptions():
    for year, splits in {2017: (2000, 150, 600), 2018: (2594, 100, 1000)}.items():
        info = get_dataset(f"isic_{year}").info
        assert info.splits == dict(zip(("train", "val", "test"), splits, strict=True))
        assert (info.class_names, info.ignore_label) == (("background", "lesion"), None)


def test_archives_unpack_to_the_folders_that_are_read(name):
    source = get_dataset(name).source
    folders = [path.split("/")[0] for pair in FILES[name].values() for path in pair]
    assert [archive.product for archive in source.archives] == folders
    assert all(archive.url.endswith(f"/{archive.product}.zip") for archive in source.archives)
    assert len({archive.checksum for archive in source.archives}) == 6
    assert all(folder in source.layout for folder in folders)


def test_images_and_masks_are_paired_and_other_files_passed_over(root, name):
    dataset = get_dataset(name)
    for split, (image, mask) in FILES[name].items():
        (sample,) = dataset.open(root).splits[split]
        assert (sample.image, sample.mask) == (root / image, root / mask)
        assert sample.image_id == sample.image.stem
        assert not missing_files([sample])
        checked = read_sample(sample, dataset.info)
        np.testing.assert_array_equal(checked.mask, [[0, 1, 1], [0, 0, 1]])


def test_one_split_is_enough(root, name):
    for split in ("val", "test"):
        for path in FILES[name][split]:
            (root / path).parent.rename(root / f"elsewhere {split} {path[-3:]}")
    assert len(list(get_dataset(name).open(root).splits["train"])) == 1
    with pytest.raises(DataError, match=r"Validation_.*: there is no such folder"):
        get_dataset(name).open(root).splits["val"]


# fault 20, 22 and 28
def test_what_is_missing_or_twice_is_said(root, name):
    dataset = get_dataset(name)
    mask, other_mask = (root / FILES[name][split][1] for split in ("train", "val"))
    (mask.parent / "ISIC_0000001_segmentation.png").touch()
    assert list(missing_files(dataset.open(root).splits["train"])) == ["ISIC_0000001"]
    (other_mask.parent / mask.name).touch()
    with pytest.raises(DataError, match=r"ISIC_0000000 \(in train and val\)"):
        dataset.open(root).splits["train"]
    with pytest.raises(DataError, match="unknown split 'dev'"):
        dataset.open(root).splits["dev"]


def test_empty_folders_are_refused(root, name):
    for path in FILES[name]["train"]:
        (root / path).unlink()
    with pytest.raises(DataError, match=r"Training_\w+: holds no images; unpack it again"):
        get_dataset(name).open(root).splits["train"]
