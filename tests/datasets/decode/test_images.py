from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from tf_image_segmentation.datasets import Sample
from tf_image_segmentation.datasets.decode.images import decode_image, read_image, read_sample
from tf_image_segmentation.datasets.decode.masks import read_mask
from tf_image_segmentation.errors import DataError


def decode(encoded: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(encoded))
    assert image.mode == "RGB"
    return np.asarray(image)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize(
    "name,options,kind",
    [
        ("a.jpg", {}, "jpeg"),
        ("a.jpg", {"progressive": True}, "jpeg"),
        ("a.png", {}, "png"),
        ("a.jpg", {"exif": exif(1)}, "jpeg"),
    ],
)
def test_an_upright_rgb_file_keeps_its_bytes(save, photo, name, options, kind):
    path = save(name, **options)
    image = read_image(path)
    assert image.encoded == path.read_bytes()
    assert (image.format, image.height, image.width, image.orientation) == (kind, 20, 30, 1)
    np.testing.assert_array_equal(decode_image(path), np.asarray(Image.open(path)))


# fault 1
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("cut", [1, 12, 200])
def test_truncated_file_is_refused(save, name, cut):
    path = save(name, np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:-cut])
    Image.open(path)  # the header alone looks fine
    with pytest.raises(DataError, match=rf"{name}: is a truncated or damaged .* download it again"):
        read_image(path)


# fault 1
def test_flipped_bit_in_png_is_refused(save):
    path = save("a.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    data = bytearray(path.read_bytes())
    data[-14] ^= 1  # in the checksum of the pixels: Pillow's load() does not look at it
    path.write_bytes(data)
    Image.open(path).load()
    with pytest.raises(DataError, match=r"a\.png: is a truncated or damaged PNG"):
        read_image(path)


# fault 1
def test_damaged_pixels_whose_checksum_is_right_are_refused(tmp_path, save):
    data = save("whole.png").read_bytes()
    start = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[start - 4 : start])
    content = bytearray(data[start : start + 4 + length])
    content[-8:] = bytes(8)
    checksum = struct.pack(">I", zlib.crc32(content))
    path = tmp_path / "a.png"
    path.write_bytes(data[:start] + content + checksum + data[start + 8 + length :])
    with pytest.raises(DataError, match=r"a\.png: is a truncated or damaged PNG"):
        read_image(path)
    with pytest.raises(DataError, match=r"a\.png: is a truncated or damaged PNG"):
        read_mask(path)


# fault 1
def test_jpeg_without_its_end_marker_is_refused(save):
    path = save("a.jpg")
    path.write_bytes(path.read_bytes()[:-1] + b"\xdb")
    Image.open(path).load()
    with pytest.raises(DataError, match=r"a\.jpg: .*its end is missing"):
        read_image(path)


# fault 2
@pytest.mark.parametrize(
    "content,said",
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"<!DOCTYPE html><title>404</title>", "content is HTML"),
        (b"\n  <html lang='en'>", "content is HTML"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "content is EPS"),  # fault 7
        (b"%PDF-1.7\n", "content is PDF"),
        (b"\0\0\0 ftypheic", "content is HEIF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "content is Git LFS pointer"),
        (b"hello", "content is unknown"),
    ],
)
def test_what_is_no_image_is_named(tmp_path, content, said):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.jpg: .*{said}"):
        read_image(path)


# fault 2 and 6
@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("animated", [False, True])
def test_other_image_formats_are_refused_by_content(save, photo, kind, animated):
    options = (
        {"save_all": True, "append_images": [Image.fromarray(255 - photo)]} if animated else {}
    )
    path = save("a.jpg", format=kind, **options if kind != "BMP" else {})
    with pytest.raises(DataError, match=rf"a\.jpg: .*(?i:{kind}), but images must be JPEG or PNG"):
        read_image(path)


# fault 2
@pytest.mark.parametrize("name,kind", [("a.jpg", "png"), ("a.png", "jpeg"), ("a", "jpeg")])
def test_the_content_decides_and_not_the_extension(save, name, kind):
    assert read_image(save(name, format=kind)).format == kind


def test_a_missing_file_or_a_folder_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match=r"absent\.jpg: cannot be read .*No such file"):
        read_image(tmp_path / "absent.jpg")
    with pytest.raises(DataError, match="cannot be read"):
        read_image(tmp_path)


# fault 3
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_other_png_modes_become_rgb(save, photo, mode):
    image = Image.fromarray(photo).convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    path = save("a.png", image)
    assert Image.open(path).mode == mode
    read = read_image(path)
    assert read.format == "png"
    # Alpha is dropped: the colors are those of the file and not blended with any background.
    np.testing.assert_array_equal(decode(read.encoded), np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(decode_image(path), decode(read.encoded))


# fault 3
def test_fully_transparent_pixels_keep_their_color(save, photo):
    transparent = np.dstack([photo, np.zeros(photo.shape[:2], np.uint8)])
    np.testing.assert_array_equal(decode_image(save("a.png", transparent)), photo)


# fault 3
@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_jpeg_modes_become_rgb_png(save, photo, mode):
    path = save("a.jpg", Image.fromarray(photo).convert(mode), quality=95)
    assert Image.open(path).mode == mode
    read = read_image(path)
    assert read.format == "png"
    expected = photo if mode == "CMYK" else np.asarray(ImageOps.grayscale(Image.fromarray(photo)))
    expected = np.broadcast_to(expected.reshape(20, 30, -1), photo.shape)
    assert np.abs(decode(read.encoded).astype(int) - expected).max() <= 12  # JPEG loss only


# fault 3
@pytest.mark.parametrize("bit_depth", [1, 2, 4])
def test_few_gray_levels_span_black_to_white(write_png, bit_depth):
    levels = np.arange(2**bit_depth)[None]
    gray = decode_image(write_png(levels, bit_depth))[0, :, 0]
    np.testing.assert_array_equal(gray, np.linspace(0, 255, 2**bit_depth))


# fault 4
@pytest.mark.parametrize("color_type,channels", [(0, 1), (2, 3), (6, 4)])
def test_16_bit_png_needs_an_intensity_range(write_png, color_type, channels):
    values = np.array([[0, 1000, 2000, 4000, 3999, 65535]])[..., None] + np.arange(channels)
    values = values.clip(max=65535)
    path = write_png(values, 16, color_type, "scan.png")
    with pytest.raises(DataError, match=r"scan\.png: is a 16-bit image; give intensity_range="):
        read_image(path)
    expected = np.rint((values[..., :3].clip(1000, 4000) - 1000) / 3000 * 255)
    expected = np.broadcast_to(expected, (1, 6, 3))
    read = read_image(path, intensity_range=(1000, 4000))
    np.testing.assert_array_equal(decode(read.encoded), expected)
    np.testing.assert_array_equal(decode_image(path, intensity_range=(1000, 4000)), expected)


# fault 4
def test_16_bit_colors_use_both_bytes(write_png):
    values = np.random.default_rng(0).integers(0, 65536, (9, 7, 3))
    path = write_png(values, 16, 2)
    low, high = 30000, 30255  # a range of 256 values: any lost low bit shows
    np.testing.assert_array_equal(
        decode_image(path, intensity_range=(low, high)), values.clip(low, high) - low
    )


# fault 4
def test_what_16_bit_support_leaves_out_is_said(write_png):
    with pytest.raises(DataError, match="16-bit gray with alpha; remove its alpha"):
        read_image(write_png(np.ones((2, 2, 2)), 16, 4), intensity_range=(0, 1))
    with pytest.raises(DataError, match=r"mask\.png: .*low must be below high"):
        read_image(write_png(np.ones((2, 2)), 16, 0), intensity_range=(5, 5))


def test_intensity_range_leaves_8_bit_images_alone(save):
    path = save("a.png")
    assert read_image(path, intensity_range=(0, 10)).encoded == path.read_bytes()


# fault 5
@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_exif_orientation_is_applied(save, photo, name, orientation):
    path = save(name, exif=exif(orientation))
    stored = np.asarray(Image.open(path))
    # Exif 2.32: where the visual top row and left column are in the stored rows and columns.
    upright = {
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: stored[::-1].transpose(1, 0, 2),
        7: stored[::-1, ::-1].transpose(1, 0, 2),
        8: stored[:, ::-1].transpose(1, 0, 2),
    }[orientation]
    read = read_image(path)
    np.testing.assert_array_equal(decode(read.encoded), upright)
    np.testing.assert_array_equal(decode_image(path), upright)
    assert (read.height, read.width) == upright.shape[:2]
    assert Image.open(io.BytesIO(read.encoded)).getexif().get(0x0112, 1) == 1
    assert read.orientation == orientation


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("block", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_broken_exif_counts_as_upright(save, block):
    path = save("a.jpg", exif=block)
    assert read_image(path).encoded == path.read_bytes()


# fault 6
def test_animated_png_is_refused(save, photo):
    path = save("a.png", save_all=True, append_images=[Image.fromarray(255 - photo)])
    with pytest.raises(DataError, match=r"a\.png: is an animated PNG; save the wanted frame"):
        read_image(path)


def test_first_picture_of_a_multi_picture_jpeg_is_read(save, photo):
    path = save("a.jpg", format="MPO", save_all=True, append_images=[Image.fromarray(255 - photo)])
    assert Image.open(path).format == "MPO"
    read = read_image(path)
    assert read.format == "jpeg"
    assert np.abs(decode_image(path).astype(int) - photo).mean() < 10


# fault 7
def test_decompression_bomb_is_refused_on_its_header(tmp_path, write_png, monkeypatch):
    path = write_png(np.zeros((1, 1, 3), int), 8, 2)
    data = bytearray(path.read_bytes())
    data[16:24] = (30000).to_bytes(4, "big") * 2
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("was decoded"))
    with pytest.raises(
        DataError, match=r"has 30000 x 30000 .*limit of 134217728; raise max_pixels"
    ):
        read_image(path)


# fault 7
def test_the_pixel_limit_is_settable(save):
    path = save("a.png")
    assert read_image(path, max_pixels=600).width == 30
    with pytest.raises(DataError, match=r"20 x 30 pixels .* limit of 599"):
        read_image(path, max_pixels=599)


# fault 7
@pytest.mark.filterwarnings("error")
def test_own_limit_and_not_pillows_global_one_rules(save, monkeypatch):
    path = save("a.jpg")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read_image(path).width == 30


# fault 8
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (31, 7)])
def test_tiny_samples_pass(save, write_png, make_info, size):
    image = save("a.png", np.full((*size, 3), 7, np.uint8))
    checked = read_sample(Sample("a", image, write_png(np.ones(size, int))), make_info())
    assert (checked.height, checked.width) == checked.mask.shape == size


def test_a_good_sample_is_passed_on(save, write_png, make_info):
    image, ids = save("a.jpg"), np.arange(600).reshape(20, 30) % 3
    checked = read_sample(Sample("the id", image, write_png(ids)), make_info())
    assert checked.image_id == "the id"
    assert (checked.image_format, checked.height, checked.width) == ("jpeg", 20, 30)
    assert checked.encoded_image == image.read_bytes()
    assert checked.mask.dtype == np.uint8
    np.testing.assert_array_equal(checked.mask, ids)


# fault 9 and 10
@pytest.mark.parametrize(
    "size,said",
    [
        ((20, 29), r"20 x 30 .*mask\.png has 20 x 29; masks are never resized"),
        ((10, 60), r"20 x 30 .*mask\.png has 10 x 60; masks are never resized"),  # equal area
        ((30, 20), r"20 x 30 .*mask\.png has 30 x 20; height and width are swapped"),
    ],
)
def test_mask_of_another_size_is_refused(save, write_png, make_info, size, said):
    sample = Sample("a", save("a.jpg"), write_png(np.zeros(size, int)))
    with pytest.raises(DataError, match=rf"a\.jpg: .*{said}"):
        read_sample(sample, make_info())


# fault 5 and 10
def test_mask_that_fits_the_unrotated_image_is_refused(save, write_png, make_info):
    image = save("a.jpg", exif=exif(6))
    upright = read_sample(Sample("a", image, write_png(np.zeros((30, 20), int))), make_info())
    assert (upright.height, upright.width) == upright.mask.shape == (30, 20)
    with pytest.raises(DataError, match=r"fits the image before its EXIF orientation 6"):
        read_sample(Sample("a", image, write_png(np.zeros((20, 30), int))), make_info())


# fault 25
def test_unicode_and_spaces_in_names(save, write_png, make_info):
    name = "Über 日本 #1%20"
    sample = Sample(
        name, save(f"{name}.jpg"), write_png(np.zeros((20, 30), int), name=f"{name}.png")
    )
    assert read_sample(sample, make_info()).image_id == name


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_every_damage_is_a_data_error(save, tmp_path):
    """Flips bytes at random: each file is read or refused, and nothing else is ever raised."""
    rng = np.random.default_rng(0)
    originals = [save("a.jpg", exif=exif(6)).read_bytes(), save("a.png", exif=exif(6)).read_bytes()]
    path, refused = tmp_path / "damaged", 0
    for trial in range(400):
        data = bytearray(originals[trial % 2])
        for position in rng.integers(0, len(data), 4):
            data[position] = rng.integers(256)
        path.write_bytes(data)
        try:
            read_image(path, max_pixels=10**6)
        except DataError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > 200  # nearly all of the PNGs
