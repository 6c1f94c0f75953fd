from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import DatasetInfo, Sample
from tf_image_segmentation.datasets.decode.masks import read_class_ids, read_mask, read_mask_colors
from tf_image_segmentation.errors import DataError


# fault 12
def test_palette_mask_gives_its_indices(save):
    ids = np.array([[0, 15, 255], [15, 0, 7]], np.uint8)
    image = Image.fromarray(ids).convert("P")
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    path = save("mask.png", image)
    assert Image.open(path).mode == "P"
    np.testing.assert_array_equal(read_mask(path), ids)


# fault 12 and 15
@pytest.mark.parametrize("color_type", [0, 3])
@pytest.mark.parametrize("bit_depth", [1, 2, 4, 8])
def test_every_id_of_a_small_mask_is_the_stored_one(write_png, bit_depth, color_type):
    ids = np.arange(min(2**bit_depth, 16)).reshape(1, -1).repeat(3, axis=0)
    mask = read_mask(write_png(ids, bit_depth, color_type))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, ids)


# fault 14
def test_16_bit_values_are_read_whole(write_png):
    ids = np.array([[0, 1, 300, 65535]])
    np.testing.assert_array_equal(read_mask(write_png(ids, 16)), ids)


def test_rgb_and_rgba_masks_give_colors(write_png):
    colors = np.random.default_rng(0).integers(1, 256, (4, 5, 4))
    for color_type, channels in ((2, 3), (6, 4)):
        mask = read_mask(write_png(colors[..., :channels], 8, color_type))
        np.testing.assert_array_equal(mask, colors[..., :3])
    colors[0, 0, 3] = 0
    np.testing.assert_array_equal(read_mask(write_png(colors, 8, 6)), colors)


def test_gray_with_alpha_gives_ids_where_nothing_is_transparent(write_png, make_info):
    ids = np.array([[0, 1], [2, 1]])
    path = write_png(np.dstack([ids, np.full((2, 2), 200)]), 8, 4)
    np.testing.assert_array_equal(read_class_ids(Sample("a", path, path), make_info()), ids)


def test_a_palette_gives_its_colors_where_these_are_declared(save):
    colors = ((0, 0, 0), (255, 0, 0), (0, 255, 0))
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    image.putpalette([0, 0, 0, 0, 255, 0, 255, 0, 0])
    path = save("mask.png", image)
    info = DatasetInfo("toy", ("a", "b", "c"), colors, mask_encoding="rgb")
    np.testing.assert_array_equal(read_class_ids(Sample("a", path, path), info), [[0, 2, 1]])
    assert read_mask_colors(path, colors=colors).shape == (1, 3, 3)
    np.testing.assert_array_equal(read_mask_colors(path, colors=colors[:2]), [[0, 1, 2]])


# fault 73
@pytest.mark.parametrize("encoding", ["rgb", "index", "rgb_or_index"])
def test_transparent_pixels_that_keep_a_color_need_an_option(write_png, encoding):
    colors = ((0, 0, 0), (255, 0, 0), (0, 255, 0))
    info = DatasetInfo("toy", ("a", "b", "c"), colors, mask_encoding=encoding)
    pixels = np.zeros((2, 2, 4), int)
    pixels[..., :3] = np.array([[[0], [1]], [[1], [2]]]) if encoding == "index" else (255, 0, 0)
    pixels[0, :, 3] = 128  # seen, if faintly
    sample = Sample("a", Path(), write_png(pixels, 8, 6))
    with pytest.raises(DataError, match=r"2 of 4 pixels are transparent and .*--transparent backg"):
        read_class_ids(sample, info)
    first, rest = ([0, 1], [1, 2]) if encoding == "index" else ([1, 1], [1, 1])
    for meaning, second in {"background": [0, 0], "ignore": [255, 255], "color": rest}.items():
        ids = read_class_ids(sample, replace(info, transparent=meaning))
        np.testing.assert_array_equal(ids, [first, second])
    with pytest.raises(DataError, match="no ignore label; choose --transparent background"):
        read_class_ids(sample, replace(info, transparent="ignore", ignore_label=None))
    with pytest.raises(DataError, match="unknown meaning of transparent pixels 'x'"):
        read_class_ids(sample, replace(info, transparent="x"))


# fault 73
def test_transparent_pixels_in_the_color_of_the_background_are_background(write_png):
    pixels = np.array([[(0, 0, 0, 0), (255, 0, 0, 255), (0, 0, 0, 0)]])
    info = DatasetInfo("toy", ("a", "b"), ((0, 0, 0), (255, 0, 0)), mask_encoding="rgb")
    sample = Sample("a", Path(), write_png(pixels, 8, 6))
    np.testing.assert_array_equal(read_class_ids(sample, info), [[0, 1, 0]])
    assert DatasetInfo.from_json(replace(info, transparent="color").to_json()).transparent
    assert "transparent" not in info.to_json()


# fault 13
@pytest.mark.parametrize("name", ["mask.jpg", "mask.png"])
def test_jpeg_mask_is_refused(save, name):
    path = save(name, np.eye(16, dtype=np.uint8), format="JPEG")
    with pytest.raises(DataError, match=rf"{name}: is a JPEG, whose .* changes class ids"):
        read_mask(path)


@pytest.mark.parametrize(
    "pixels,kind", [(np.ones((2, 2), np.float32), "TIFF"), (np.ones((2, 2), np.uint8), "GIF")]
)
def test_other_formats_are_refused(save, pixels, kind):
    with pytest.raises(DataError, match=rf"mask\.png: the content is {kind}, .*Sample\.read_mask"):
        read_mask(save("mask.png", pixels, format=kind))


@pytest.mark.parametrize(
    "bit_depth,color_type,channels,said",
    [
        (16, 4, 2, "16-bit colors"),
        (16, 2, 3, "16-bit colors"),
        (16, 6, 4, "16-bit colors"),
    ],
)
def test_what_cannot_be_a_mask_is_refused(write_png, bit_depth, color_type, channels, said):
    path = write_png(np.ones((2, 2, channels), int), bit_depth, color_type)
    with pytest.raises(DataError, match=rf"mask\.png: .*{said}"):
        read_mask(path)


def test_rotated_mask_is_refused(save):
    tags = Image.Exif()
    tags[0x0112] = 6
    with pytest.raises(DataError, match="EXIF orientation other than 1"):
        read_mask(save("mask.png", np.eye(4, dtype=np.uint8), exif=tags))


def test_large_truncated_and_animated_masks_are_refused(save, write_png):
    path = write_png(np.random.default_rng(0).integers(0, 3, (50, 50)))
    with pytest.raises(DataError, match=r"50 x 50 pixels .* limit of 2499"):
        read_mask(path, max_pixels=2499)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="truncated or damaged PNG"):
        read_mask(path)
    frame = Image.fromarray(np.eye(4, dtype=np.uint8))
    path = save("mask.png", frame, save_all=True, append_images=[frame.rotate(90)])
    with pytest.raises(DataError, match="animated PNG"):
        read_mask(path)


def int32_mask(path, *, max_pixels):
    return np.array([[0, 2, 300, -1]], np.int32)


def float_mask(path, *, max_pixels):
    return np.zeros((2, 2), np.float32)


# fault 14
def test_a_reader_function_is_used_and_its_values_checked(tmp_path, make_info):
    path = tmp_path / "mask.npy"
    with pytest.raises(DataError, match=re.escape("-1 (1 pixel), 300 (1 pixel)")):
        read_class_ids(Sample("a", path, path, read_mask=int32_mask), make_info())
    with pytest.raises(DataError, match="holds float32 values, not integers"):
        read_class_ids(Sample("a", path, path, read_mask=float_mask), make_info())


def test_real_voc_masks(shared_data):
    """150 palette masks: a slow look at the file's own indices gives the same."""
    from tf_image_segmentation.datasets.sets.pascal_voc import INFO

    paths = sorted((shared_data / "pascal_voc/VOCdevkit/VOC2012/SegmentationClass").glob("*.png"))
    assert len(paths) == 150
    seen: set[int] = set()
    for path in paths:
        mask = read_class_ids(Sample(path.stem, path, path), INFO)
        np.testing.assert_array_equal(mask, np.asarray(Image.open(path)))
        seen |= set(np.unique(mask).tolist())
        # A palette mask stores its colors too: those of the published color map.
        colors = np.asarray(Image.open(path).convert("RGB"))
        for index in np.unique(mask[mask != 255]):
            assert (colors[mask == index] == INFO.palette[index]).all()
        if (mask == 255).any():
            assert (colors[mask == 255] == (224, 224, 192)).all()
    assert {0, 255} <= seen <= {*range(21), 255}
