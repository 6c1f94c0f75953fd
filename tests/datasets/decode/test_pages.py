"""Every kind of file that is read, by its content, page by page."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import tifffile
from PIL import Image

from tf_image_segmentation.datasets.decode.images import decode_image
from tf_image_segmentation.datasets.decode.nifti import read_nifti, read_nifti_mask
from tf_image_segmentation.datasets.decode.pages import (
    bare_name,
    count_pages,
    ending_of,
    kind_of,
    read_page,
)
from tf_image_segmentation.errors import DataError

GRAY = (np.indices((20, 30)).sum(0) * 5).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.gif", "a.webp"])
def test_every_format_gives_rgb_and_gray_is_repeated(save, photo, name):
    options = {"lossless": True} if name.endswith("webp") else {}
    if name != "a.gif":  # which has 256 colors
        np.testing.assert_array_equal(decode_image(save(name, **options)), photo)
    gray = decode_image(save(name, GRAY, **options))
    np.testing.assert_array_equal(gray, np.stack([GRAY] * 3, axis=-1))


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.tif"])
def test_frames_are_pages(save, name):
    frames = [GRAY, GRAY[::-1].copy(), GRAY[:, ::-1].copy()]
    first, *others = map(Image.fromarray, frames)
    options = {"lossless": True} if name.endswith("webp") else {}
    path = save(name, first, save_all=True, append_images=others, **options)
    assert count_pages(path) == 3
    for page, frame in enumerate(frames):
        np.testing.assert_array_equal(decode_image(path, page=page)[..., 1], frame)
    with pytest.raises(DataError, match=r"page 3 \(from 0\) is wanted"):
        decode_image(path, page=3)


def test_names_with_two_part_endings():
    assert (bare_name("a.b.NII.gz"), ending_of("a.b.NII.gz")) == ("a.b", ".nii.gz")
    assert bare_name("sub/a.ome.tif") == "sub/a"
    assert (bare_name("a.b.png"), ending_of("a.b.PNG")) == ("a.b", ".png")


@pytest.mark.parametrize("axes", ["TCYX", "CTYX", "TZCYX"])
def test_channels_are_the_colors_of_a_picture_and_other_axes_its_pages(tmp_path, axes):
    shape = {"T": 2, "Z": 2, "C": 3, "Y": 5, "X": 7}
    values = np.random.default_rng(0).integers(0, 256, [shape[a] for a in axes], np.uint8)
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, values, metadata={"axes": axes}, photometric="minisblack")
    expected = np.moveaxis(values, axes.index("C"), -1).reshape(-1, 5, 7, 3)
    assert count_pages(path) == len(expected)
    for page, picture in enumerate(expected):
        np.testing.assert_array_equal(decode_image(path, page=page), picture)


def test_imagej_stacks_whose_planes_are_not_pages(tmp_path):
    values = np.random.default_rng(0).integers(0, 2**16, (4, 3, 6, 8), np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, imagej=True, metadata={"axes": "ZCYX"}, truncate=True)
    with tifffile.TiffFile(path) as file:
        assert len(file.pages) == 1
    assert count_pages(path) == 4
    np.testing.assert_array_equal(read_page(path, page=2), np.moveaxis(values[2], 0, -1))


@pytest.mark.parametrize("channels", [2, 4])
def test_other_numbers_of_channels_are_refused(tmp_path, channels):
    path = tmp_path / "a.ome.tif"
    values = np.zeros((channels, 5, 7), np.uint8)
    tifffile.imwrite(path, values, metadata={"axes": "CYX"}, photometric="minisblack")
    with pytest.raises(DataError, match=f"has {channels} channels; images have one or three"):
        decode_image(path)


# fault 4
def test_16_bit_colors_of_a_tiff_use_both_bytes(tmp_path):
    values = np.random.default_rng(0).integers(0, 2**16, (5, 7, 3), np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, photometric="rgb")
    np.testing.assert_array_equal(read_page(path), values)
    with pytest.raises(DataError, match="give intensity_range"):
        decode_image(path)
    expected = np.rint(values.astype(float) / 65535 * 255)
    np.testing.assert_array_equal(decode_image(path, intensity_range=(0, 65535)), expected)


def test_further_files_that_an_ome_tiff_names_are_not_opened(tmp_path):
    secret = tmp_path / "secret.ome.tif"
    tifffile.imwrite(secret, np.full((2, 5, 7), 77, np.uint8), metadata={"axes": "ZYX"})
    xml = tifffile.tiffcomment(secret).replace("<TiffData", '<TiffData FirstZ="0"', 1)
    (tmp_path / "inside").mkdir()
    path = tmp_path / "inside" / "a.ome.tif"
    tifffile.imwrite(path, np.zeros((5, 7), np.uint8), description=xml.encode(), metadata=None)
    try:
        found = read_page(path, page=0)
    except DataError:
        return
    assert not (found == 77).any()


@pytest.fixture
def write_nifti(tmp_path):
    nibabel = pytest.importorskip("nibabel")

    def write(values, name="a.nii.gz", slope=None):
        image = nibabel.Nifti1Image(values, np.eye(4))
        if slope is not None:
            image.header.set_slope_inter(*slope)
        nibabel.save(image, tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_slices_have_rows_along_the_second_axis(write_nifti, name):
    volume = np.random.default_rng(0).integers(-1000, 3000, (4, 5, 6), np.int16)
    path = write_nifti(volume, name)
    assert (kind_of(path), count_pages(path)) == ("NIfTI", 6)
    np.testing.assert_array_equal(read_nifti(path, page=2), volume[:, :, 2].T)
    with pytest.raises(DataError, match="give intensity_range"):
        decode_image(path, page=2)
    shown = decode_image(path, page=2, intensity_range=(-1000, 3000))
    expected = np.rint((volume[:, :, 2].T.astype(np.float32) + 1000) * (255 / 4000))
    assert np.abs(shown[..., 0] - expected).max() <= 1


def test_scaled_floats_and_what_is_not_finite(write_nifti):
    volume = np.array([[0.5, np.nan], [2.0, np.inf]], np.float32)[..., None]
    np.testing.assert_array_equal(read_nifti(write_nifti(volume)), [[0.5, 2.0], [0.5, 0.5]])
    scaled = write_nifti(np.array([[1, 2]], np.int16)[..., None], slope=(0.5, 10))
    np.testing.assert_allclose(read_nifti(scaled)[:, 0], [10.5, 11])


def test_time_runs_slower_than_depth(write_nifti):
    volume = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    path = write_nifti(volume)
    assert count_pages(path) == 20
    np.testing.assert_array_equal(read_nifti(path, page=6), volume[:, :, 2, 1].T)


def test_masks_are_whole_numbers(write_nifti):
    whole = write_nifti(np.array([[0.0, 3.0]])[..., None])
    np.testing.assert_array_equal(read_nifti_mask(whole), [[0], [3]])
    with pytest.raises(DataError, match="no whole numbers"):
        read_nifti_mask(write_nifti(np.array([[0.5, 3.0]])[..., None]))


def test_damaged_and_huge_volumes_are_refused(write_nifti, tmp_path):  # fault 1
    path = write_nifti(np.zeros((4, 5, 6), np.int16))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"a\.nii\.gz: "):
        read_nifti(path, page=0)
    with pytest.raises(DataError, match="more than the limit of 19"):
        read_nifti(write_nifti(np.zeros((4, 5, 6), np.int16)), page=0, max_pixels=19)
    raw = bytearray(gzip.decompress(write_nifti(np.zeros((4, 5, 6), np.uint8)).read_bytes()))
    raw[42:48] = np.array([32767] * 3, "<i2").tobytes()
    (tmp_path / "huge.nii.gz").write_bytes(gzip.compress(bytes(raw)))
    with pytest.raises(DataError, match="values are read"):
        read_nifti(tmp_path / "huge.nii.gz", page=0)
