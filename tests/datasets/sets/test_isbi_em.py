from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.isbi_em import INFO, samples
from tf_image_segmentation.errors import DataError


def slice_images(number: int) -> tuple[Image.Image, Image.Image]:
    image = Image.fromarray(np.full((8, 9), number, np.uint8))
    mask = np.full((8, 9), 255, np.uint8)
    mask.flat[: number + 1] = 0
    return image, Image.fromarray(mask)


@pytest.fixture
def slices(tmp_path):
    for folder in ("image", "label"):
        (tmp_path / folder).mkdir()
    for number in range(30):
        image, mask = slice_images(number)
        image.save(tmp_path / "image" / f"{number}.png")
        mask.save(tmp_path / "label" / f"{number}.png")
    return tmp_path


@pytest.fixture
def volumes(tmp_path):
    images, masks = zip(*map(slice_images, range(30)), strict=True)
    images[0].save(tmp_path / "train-volume.tif", save_all=True, append_images=images[1:])
    masks[0].save(tmp_path / "train-labels.tif", save_all=True, append_images=masks[1:])
    return tmp_path


@pytest.mark.parametrize("layout", ["slices", "volumes"])
def test_slices_in_order_of_depth(layout, request):
    root = request.getfixturevalue(layout)
    found = [sample for split in ("train", "val") for sample in samples(root, split)]
    assert not missing_files(found)
    assert [sample.image_id for sample in found] == [f"slice_{n:02}" for n in range(30)]
    for number, sample in enumerate(found):
        checked = read_sample(sample, INFO)
        assert np.asarray(Image.open(io.BytesIO(checked.encoded_image)))[0, 0, 0] == number
        assert np.count_nonzero(checked.mask == 0) == number + 1
        assert checked.mask.max() == 1


def test_splits_are_those_described(slices):
    for split, size in get_dataset("isbi_em").open(slices).info.splits.items():
        assert len(list(samples(slices, split))) == size
    with pytest.raises(DataError, match="unknown split 'test'"):
        samples(slices, "test")


# fault 20
def test_missing_slices_and_other_files_are_said(slices):
    (slices / "label/29.png").unlink()
    assert list(missing_files(samples(slices, "val"))) == ["slice_29"]
    (slices / "image/30.png").touch()
    with pytest.raises(DataError, match="30 is no slice of the volume, 0 to 29"):
        samples(slices, "train")
    with pytest.raises(DataError, match=r"has neither train-volume\.tif nor a folder image"):
        samples(slices / "label", "train")


def test_real_slices(shared_data):
    pixels = np.zeros(2, np.int64)
    for sample in samples(shared_data / "isbi_em", "val"):
        checked = read_sample(sample, INFO)
        assert (checked.height, checked.width) == (512, 512)
        pixels += np.bincount(checked.mask.ravel(), minlength=2)
        stored = np.asarray(Image.open(sample.mask))
        np.testing.assert_array_equal(checked.mask, stored // 255)
    assert 0.15 < pixels[0] / pixels.sum() < 0.3
