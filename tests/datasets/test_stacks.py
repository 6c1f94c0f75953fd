"""Stacks become samples, a page each, whatever holds them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode import nifti
from tf_image_segmentation.datasets.decode.images import decode_image, read_sample
from tf_image_segmentation.datasets.stacks import all_pages
from tf_image_segmentation.errors import DataError

RNG = np.random.default_rng(5)
STACK = RNG.integers(0, 256, (4, 12, 17), np.uint8)  # uint8, so that no range is needed
LABELS = RNG.integers(0, 3, (4, 12, 17), np.uint8)


def save_pages(path, pages):
    first, *others = map(Image.fromarray, pages)
    first.save(path, save_all=True, append_images=others)
    return path


@pytest.fixture
def root(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    (tmp_path / "classes.csv").write_text("name\nbackground\ncell\nwall\n")
    return tmp_path


def samples_of(root):
    info, splits = get_dataset("folder").open(root)
    return info, all_pages(splits)["train"]


def arrays(sample, info):
    checked = read_sample(sample, info)
    with Image.open(io.BytesIO(checked.encoded_image)) as image:
        return np.asarray(image), checked.mask


def assert_is_the_stack(root, name="scan", labels=LABELS):
    info, samples = samples_of(root)
    assert [sample.image_id for sample in samples] == [f"{name}_{k:04d}" for k in range(4)]
    for page, sample in enumerate(samples):
        image, mask = arrays(sample, info)
        np.testing.assert_array_equal(image, np.stack([STACK[page]] * 3, axis=-1))
        np.testing.assert_array_equal(mask, labels[page])


def test_tiff_stacks(root):
    save_pages(root / "images" / "scan.tif", STACK)
    save_pages(root / "masks" / "scan.tif", LABELS)
    assert_is_the_stack(root)


def test_one_mask_for_all_pages(root):
    save_pages(root / "images" / "scan.tif", STACK)
    Image.fromarray(LABELS[0]).save(root / "masks" / "scan.png")
    assert_is_the_stack(root, labels=[LABELS[0]] * 4)


def test_ome_tiff(root):
    tifffile.imwrite(root / "images" / "scan.ome.tif", STACK, metadata={"axes": "ZYX"})
    tifffile.imwrite(root / "masks" / "scan.ome.tif", LABELS, metadata={"axes": "ZYX"})
    assert_is_the_stack(root)


def test_nifti(root):
    nibabel = pytest.importorskip("nibabel")
    for folder, values in (("images", STACK), ("masks", LABELS.astype(np.float64))):
        volume = np.transpose(values, (2, 1, 0))  # x, y, z
        nibabel.save(
            nibabel.Nifti1Image(volume, np.diag([0.5, 0.5, 3, 1])), root / folder / "scan.nii.gz"
        )
    nifti._read_volume.cache_clear()
    assert_is_the_stack(root)
    assert nifti._read_volume.cache_info().misses == 2, "each volume is decompressed once"


def test_a_nifti_mask_that_lies_elsewhere_is_refused(root):
    nibabel = pytest.importorskip("nibabel")
    for folder, shift in (("images", 0), ("masks", 5)):
        affine = np.eye(4)
        affine[0, 3] = shift
        volume = nibabel.Nifti1Image(np.transpose(LABELS, (2, 1, 0)), affine)
        nibabel.save(volume, root / folder / "scan.nii.gz")
    with pytest.raises(DataError, match="affine is not that of"):
        samples_of(root)


def test_stacks_of_different_lengths_are_refused(root):  # fault 6
    save_pages(root / "images" / "scan.tif", STACK)
    save_pages(root / "masks" / "scan.tif", LABELS[:3])
    with pytest.raises(DataError, match=r"holds 4 pictures, and its mask .* 3"):
        samples_of(root)


def test_a_single_picture_keeps_its_id_and_missing_files_are_left_to_the_conversion(root):
    Image.fromarray(STACK[0]).save(root / "images" / "a.png")
    Image.fromarray(LABELS[0]).save(root / "masks" / "a.png")
    Image.fromarray(STACK[0]).save(root / "images" / "b.png")
    assert [sample.image_id for sample in samples_of(root)[1]] == ["a", "b"]


# fault 6
def test_without_all_pages_a_stack_is_refused_with_the_way_out(root):
    path = save_pages(root / "images" / "scan.tif", STACK)
    with pytest.raises(DataError, match=r"holds 4 pictures.*--pages all"):
        decode_image(path)
