from __future__ import annotations

import io
from functools import partial

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import Sample
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.decode.other_formats import (
    read_bmp,
    read_gif,
    read_jpeg_mask,
    read_tiff,
)
from tf_image_segmentation.errors import DataError

GRAY = (np.indices((20, 30)).sum(0) * 5).astype(np.uint8)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiff_colors_and_grays(save, photo, compression):
    np.testing.assert_array_equal(read_tiff(save("a.tif", compression=compression)), photo)
    np.testing.assert_array_equal(read_tiff(save("b.tif", GRAY, compression=compression)), GRAY)


def test_tiff_of_one_bit_and_of_sixteen(save):
    bits = GRAY > 60
    np.testing.assert_array_equal(read_tiff(save("a.tif", bits)), np.where(bits, 255, 0))
    deep = GRAY.astype(np.uint16) * 200
    np.testing.assert_array_equal(read_tiff(save("b.tif", deep)), deep)


# fault 6
def test_pages_are_refused_unless_one_is_named(save, photo):
    pages = [Image.fromarray(GRAY), Image.fromarray(GRAY[::-1])]
    path = save("stack.tif", pages[0], save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match=r"stack\.tif: holds 2 pictures"):
        read_tiff(path)
    np.testing.assert_array_equal(read_tiff(path, page=1), GRAY[::-1])
    np.testing.assert_array_equal(read_tiff(path, page=0), GRAY)
    with pytest.raises(DataError, match=r"has 2 pages, and page 2 \(from 0\) is wanted"):
        read_tiff(path, page=2)


# fault 6
def test_gif_of_one_frame(save):
    binary = np.where(GRAY > 60, 255, 0).astype(np.uint8)
    np.testing.assert_array_equal(read_gif(save("m.gif", binary)), binary)
    frames = [Image.fromarray(binary), Image.fromarray(GRAY)]
    path = save("film.gif", frames[0], save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"film\.gif: holds 2 pictures"):
        read_gif(path)


def test_bmp_and_jpeg(save, photo):
    np.testing.assert_array_equal(read_bmp(save("a.bmp")), photo)
    np.testing.assert_array_equal(read_bmp(save("b.bmp", GRAY)), GRAY)
    read = read_jpeg_mask(save("m.jpg", GRAY, quality=95))
    assert read.shape == GRAY.shape
    assert np.abs(read.astype(int) - GRAY).max() < 10


# fault 1 and 2
@pytest.mark.parametrize(
    ("read", "name"),
    [(read_tiff, "a.tif"), (read_gif, "a.gif"), (read_bmp, "a.bmp"), (read_jpeg_mask, "a.jpg")],
)
def test_damage_and_other_content_are_named(save, read, name):
    rng = np.random.default_rng(0)
    path = save(name, rng.integers(0, 256, (40, 50, 3), np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=rf"{name}: is a truncated or damaged"):
        read(path)
    path.write_bytes(b"<html>gone</html>")
    with pytest.raises(DataError, match=rf"{name}: the content is HTML, but"):
        read(path)


# fault 7
def test_the_pixel_limit_comes_before_decoding(save):
    for read, name in ((read_tiff, "a.tif"), (read_gif, "a.gif"), (read_bmp, "a.bmp")):
        with pytest.raises(DataError, match=r"has 20 x 30 pixels .* limit of 599"):
            read(save(name), max_pixels=599)


# fault 4
def test_floats_are_refused(save):
    with pytest.raises(DataError, match=r"a\.tif: stores pixels of Pillow's mode 'F'"):
        read_tiff(save("a.tif", GRAY.astype(np.float32)))


# fault 4
def test_a_sample_reads_what_its_reader_gives(save, make_info, write_png):
    deep = save("scan.tif", GRAY.astype(np.uint16) * 100)
    mask = write_png(np.zeros((20, 30), np.uint8))
    sample = Sample("a", deep, mask, read_image=read_tiff)
    with pytest.raises(DataError, match=r"scan\.tif: is a 16-bit image; give intensity_range"):
        read_sample(sample, make_info())
    checked = read_sample(sample, make_info(), intensity_range=(0, 25500))
    pixels = np.asarray(Image.open(io.BytesIO(checked.encoded_image)))
    np.testing.assert_array_equal(pixels, np.repeat(GRAY[..., None], 3, axis=2))
    with pytest.raises(DataError, match="more than the limit of 10"):
        read_sample(sample, make_info(), max_pixels=10)
    paged = Sample("a", deep, mask, read_image=partial(read_tiff, page=0))
    assert read_sample(paged, make_info(), intensity_range=(0, 25500)).height == 20


def wrong(path, *, max_pixels):
    return np.zeros((4, 4, 2), np.uint8)


def test_what_a_reader_may_not_return(tmp_path, make_info):
    sample = Sample("a", tmp_path / "a.x", tmp_path / "a.png", read_image=wrong)
    with pytest.raises(DataError, match=r"a\.x: holds uint8 values of shape \[4, 4, 2\]"):
        read_sample(sample, make_info())
