from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tf_image_segmentation.datasets import DatasetInfo, Sample
from tf_image_segmentation.datasets.decode.mask_encodings import MASK_ENCODINGS, class_ids
from tf_image_segmentation.datasets.decode.masks import read_class_ids
from tf_image_segmentation.datasets.info import VOID_COLORS
from tf_image_segmentation.errors import DataError

PATH = Path("folder/mask.png")


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, ">u2", np.int32, np.int64, np.uint64])
def test_ids_of_every_integer_type_pass(make_info, dtype):
    stored = np.array([[0, 1], [1, 0]]).astype(dtype)
    ids = class_ids(stored, make_info(), PATH)
    assert ids.dtype == np.uint8
    np.testing.assert_array_equal(ids, [[0, 1], [1, 0]])


@pytest.mark.parametrize("encoding", sorted(MASK_ENCODINGS))
def test_every_encoding_gives_int32(make_info, encoding):
    shape = (2, 3, 3) if encoding == "rgb" else (2, 3)
    info = replace(
        make_info(mask_encoding=encoding),
        palette=((0, 0, 0), (1, 1, 1), (2, 2, 2)),
        label_map={0: 1},
    )
    ids = MASK_ENCODINGS[encoding](np.zeros(shape, np.uint8), info, PATH)
    assert ids.dtype == np.int32
    assert ids.shape == (2, 3)


# fault 14: modulo 256 each of these would be a valid class
@pytest.mark.parametrize(
    "encoding", ["index", "index_with_void", "zero_is_void", "binary_255", "threshold_128"]
)
@pytest.mark.parametrize("value", [256, 257, 2**32, 2**32 + 1, 2**63, -(2**32), -255, 65536 + 255])
def test_nothing_wraps_into_a_class(make_info, encoding, value):
    stored = np.array([[0, value]], np.uint64 if value > 0 else np.int64)
    with pytest.raises(DataError, match=rf"mask\.png: .*{value} \(1 pixel\)"):
        class_ids(stored, make_info(mask_encoding=encoding), PATH)


# fault 15
def test_one_bit_mask_is_zero_and_one(write_png, make_info):
    bits = np.eye(9, dtype=int)
    path = write_png(bits, 1)
    ids = read_class_ids(Sample("a", path, path), make_info(2))
    np.testing.assert_array_equal(ids, bits)


# fault 16
def test_unknown_ids_are_named_with_their_pixels(make_info):
    stored = np.array([[0, 1, 2, 255], [7, 7, 7, 9]], np.uint8)
    with pytest.raises(DataError) as error:
        class_ids(stored, make_info(), PATH)
    assert "mask.png: holds ids that are neither a class (0 to 2) nor" in str(error.value)
    assert "7 (3 pixels), 9 (1 pixel);" in str(error.value)
    assert "ignore label 255" in str(error.value)


# fault 16
def test_without_an_ignore_label_255_is_unknown(make_info):
    with pytest.raises(
        DataError, match=re.escape("255 (2 pixels); dataset 'toy' has 3 classes and no")
    ):
        class_ids(np.array([[255, 255, 1]], np.uint8), make_info(ignore_label=None), PATH)


# fault 16
def test_many_unknown_ids_are_cut_short(make_info):
    with pytest.raises(DataError, match="and 87 more"):
        class_ids(np.arange(100)[None], make_info(), PATH)


# fault 17
@pytest.mark.parametrize("ignore_label", [255, None])
def test_binary_mask_under_index_names_the_way_out(make_info, ignore_label):
    stored = np.array([[0, 255], [255, 255]], np.uint8)
    with pytest.raises(DataError, match=r"only 0 and 255, .*set mask_encoding='binary_255'"):
        class_ids(stored, make_info(2, ignore_label=ignore_label), PATH)
    ids = class_ids(stored, make_info(2, "binary_255", ignore_label), PATH)
    np.testing.assert_array_equal(ids, [[0, 1], [1, 1]])


# fault 17
def test_void_in_a_set_of_two_classes(make_info):
    np.testing.assert_array_equal(
        class_ids(np.array([[0, 1, 255]]), make_info(2), PATH), [[0, 1, 255]]
    )
    no_foreground = np.array([[0, 255]])
    ids = class_ids(no_foreground, make_info(2, "index_with_void"), PATH)
    np.testing.assert_array_equal(ids, no_foreground)


# fault 17
def test_binary_255_takes_nothing_else(make_info):
    with pytest.raises(DataError, match=re.escape("254 (1 pixel)")):
        class_ids(np.array([[0, 254, 255]]), make_info(2, "binary_255"), PATH)


# fault 18
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_zero_is_void_shifts_without_wrapping(make_info, dtype):
    stored = np.array([[0, 1, 2, 3]], dtype)
    ids = class_ids(stored, make_info(mask_encoding="zero_is_void"), PATH)
    np.testing.assert_array_equal(ids, [[255, 0, 1, 2]])
    ids = class_ids(stored, make_info(3, "zero_is_void", ignore_label=3), PATH)
    np.testing.assert_array_equal(ids, [[3, 0, 1, 2]])


# fault 18: a stored 256 (or, with ignore label 3, a stored 4) must not become void
@pytest.mark.parametrize("ignore_label,value", [(255, 256), (3, 4)])
def test_zero_is_void_refuses_what_would_shift_onto_the_ignore_label(
    make_info, ignore_label, value
):
    with pytest.raises(DataError, match=rf"{value} \(1 pixel\)"):
        class_ids(np.array([[0, value]]), make_info(3, "zero_is_void", ignore_label), PATH)


# fault 18
def test_zero_is_void_is_suggested_and_needs_an_ignore_label(make_info):
    with pytest.raises(
        DataError, match=r"add it .*; if 0 is void in this set, set mask_encoding='zero_is_void'"
    ):
        class_ids(np.array([[0, 1, 2, 3]]), make_info(), PATH)
    with pytest.raises(DataError, match="needs an ignore label"):
        class_ids(np.array([[0]]), make_info(3, "zero_is_void", None), PATH)


# fault 19
@pytest.mark.parametrize("num_classes", [2, 3])
def test_all_void_mask_is_kept(make_info, num_classes):
    stored = np.full((3, 4), 255, np.uint8)
    np.testing.assert_array_equal(class_ids(stored, make_info(num_classes), PATH), stored)


# fault 11
def test_rgb_mask_suggests_a_color_map(write_png, make_info):
    path = write_png(np.arange(12).reshape(2, 2, 3), 8, 2)
    with pytest.raises(DataError, match=r"mask\.png: is an RGB mask.*palette.*mask_encoding='rgb'"):
        read_class_ids(Sample("a", path, path), make_info())


# fault 11
@pytest.mark.parametrize("color_type,channels", [(2, 3), (6, 4)])
def test_colors_become_ids(write_png, make_info, color_type, channels):
    info = make_info(5, "rgb")
    ids = np.random.default_rng(0).integers(0, 5, (6, 7))
    colors = np.dstack([np.array(info.palette)[ids], np.full(ids.shape, 9)])
    path = write_png(colors[..., :channels], 8, color_type)
    np.testing.assert_array_equal(read_class_ids(Sample("a", path, path), info), ids)


# fault 11
def test_unknown_colors_are_counted(make_info):
    stored = np.array([[[0, 10, 20], [1, 2, 3], [1, 2, 3], [200, 0, 9]]], np.uint8)
    with pytest.raises(DataError) as error:
        class_ids(stored, make_info(mask_encoding="rgb"), PATH)
    assert "(1, 2, 3) (2 pixels), (200, 0, 9) (1 pixel)" in str(error.value)


# fault 11
def test_white_and_the_voc_border_are_void(make_info):
    stored = np.array([VOID_COLORS], np.uint8)
    np.testing.assert_array_equal(
        class_ids(stored, make_info(mask_encoding="rgb"), PATH), [[255, 255]]
    )
    with pytest.raises(DataError, match=re.escape("(255, 255, 255) (1 pixel)")):
        class_ids(stored, make_info(mask_encoding="rgb", ignore_label=None), PATH)
    white_class = replace(
        make_info(mask_encoding="rgb"), palette=((0, 0, 0), (255, 255, 255), (1, 1, 1))
    )
    np.testing.assert_array_equal(class_ids(stored, white_class, PATH), [[1, 255]])


# fault 11
def test_a_data_set_may_have_void_colors_of_its_own(make_info):
    info = replace(make_info(mask_encoding="rgb"), void_colors=((0, 0, 0), (9, 9, 9)))
    stored = np.array([[[0, 0, 0], [0, 10, 20], [9, 9, 9]]], np.uint8)
    np.testing.assert_array_equal(class_ids(stored, info, PATH), [[255, 0, 255]])
    with pytest.raises(DataError, match=re.escape("(255, 255, 255) (1 pixel)")):
        class_ids(np.full((1, 1, 3), 255, np.uint8), info, PATH)
    assert DatasetInfo.from_json(json.loads(json.dumps(info.to_json()))) == info
    assert "void_colors" not in make_info().to_json()


def test_rgb_needs_colors_that_differ_and_a_color_mask(make_info):
    info = replace(make_info(mask_encoding="rgb"), palette=((0, 0, 0), (0, 0, 0), (1, 1, 1)))
    with pytest.raises(DataError, match="share a palette color"):
        class_ids(np.zeros((2, 2, 3), np.uint8), info, PATH)
    with pytest.raises(DataError, match=r"single channel, .* mask_encoding='index'"):
        class_ids(np.zeros((2, 2), np.uint8), info, PATH)


def test_data_sets_that_do_not_fit_8_bits_are_refused(make_info):
    with pytest.raises(DataError, match=r"300 classes .* stored in 8 bits"):
        class_ids(np.zeros((2, 2), int), make_info(300), PATH)
    with pytest.raises(DataError, match=r"ignore label -1, .* stored in 8 bits"):
        class_ids(np.zeros((2, 2), int), make_info(3, ignore_label=-1), PATH)


# fault 28
def test_unknown_encoding_lists_the_choices(make_info):
    with pytest.raises(
        DataError, match=r"unknown mask encoding 'indices'; .*'binary_255', 'gray_levels', 'index'"
    ):
        class_ids(np.zeros((2, 2), int), make_info(mask_encoding="indices"), PATH)


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2), (2, 2, 5), (2, 2, 3, 1)])
def test_odd_shapes_are_refused(make_info, shape):
    with pytest.raises(DataError, match=r"mask has shape .*must be \[height, width\]"):
        class_ids(np.zeros(shape, int), make_info(), PATH)


# fault 18
def test_a_label_map_gives_published_ids_and_refuses_values_that_it_lacks(make_info):
    info = replace(make_info(mask_encoding="label_map"), label_map={7: 0, 300: 1, -1: 255, 0: 255})
    stored = np.array([[7, 300, -1], [0, 7, 7]], np.int32)
    np.testing.assert_array_equal(class_ids(stored, info, PATH), [[0, 1, 255], [255, 0, 0]])
    stored[0, :2] = 1, 256 + 7
    with pytest.raises(DataError, match=r"mask\.png: .* lacks: 1 \(1 pixel\), 263 \(1 pixel\)"):
        class_ids(stored, info, PATH)
    with pytest.raises(DataError, match="'label_map' needs a label_map"):
        class_ids(stored, make_info(mask_encoding="label_map"), PATH)


def test_a_label_map_travels_in_json(make_info):
    info = replace(make_info(mask_encoding="label_map"), label_map={7: 0, -1: 255})
    assert DatasetInfo.from_json(json.loads(json.dumps(info.to_json()))) == info
    assert "label_map" not in make_info().to_json()


# fault 13 and 17: for masks that JPEG or an RGB format has blurred, by name only
def test_gray_is_cut_at_128(make_info):
    stored = np.array([[0, 3, 127], [128, 250, 255]], np.uint8)
    info = make_info(2, "threshold_128")
    np.testing.assert_array_equal(class_ids(stored, info, PATH), [[0, 0, 0], [1, 1, 1]])
    with pytest.raises(DataError, match=r"300 \(1 pixel\)"):
        class_ids(np.array([[300, 0]]), info, PATH)
    with pytest.raises(DataError, match=r"holds only 0 and 1, .* set mask_encoding='index'"):
        class_ids(np.array([[1, 0]]), info, PATH)
    assert not class_ids(np.zeros((2, 2), np.uint8), info, PATH).any()


@pytest.mark.parametrize("encoding", ["threshold_128", "binary_255", "index_with_void"])
def test_gray_may_be_stored_as_rgb_but_colors_are_refused(make_info, encoding):
    gray = np.repeat(np.array([[[0], [255]]], np.uint8), 3, axis=2)
    one = 255 if encoding == "index_with_void" else 1
    np.testing.assert_array_equal(class_ids(gray, make_info(2, encoding), PATH), [[0, one]])
    gray[0, 0, 1] = 9
    with pytest.raises(DataError, match="is an RGB mask"):
        class_ids(gray, make_info(2, encoding), PATH)


def test_gray_levels_at_even_distances(make_info):
    for count, levels in [(4, [0, 85, 170, 255]), (3, [0, 128, 255]), (3, [0, 127, 255])]:
        stored = np.array([levels], np.uint8)
        ids = class_ids(stored, make_info(count, "gray_levels"), PATH)
        np.testing.assert_array_equal(ids, [range(count)])
    for strange in (84, 86, 300, -85):
        with pytest.raises(DataError, match=rf"{strange} \(1 pixel\)"):
            class_ids(np.array([[0, strange]]), make_info(4, "gray_levels"), PATH)
    with pytest.raises(DataError, match=r"170 \(1 pixel\); .* set mask_encoding='gray_levels'"):
        class_ids(np.array([[0, 85, 170, 255]]), make_info(4), PATH)
    with pytest.raises(DataError, match="give each class its value"):
        class_ids(np.array([[0, 50, 100, 255]]), make_info(4), PATH)
    with pytest.raises(DataError, match="needs 2 to 86 classes"):
        class_ids(np.array([[0]]), make_info(87, "gray_levels"), PATH)


def test_colors_or_ids(make_info):
    info = make_info(3, "rgb_or_index")
    colors = np.array([[(0, 10, 20), (2, 12, 22)]], np.uint8)
    np.testing.assert_array_equal(class_ids(colors, info, PATH), [[0, 2]])
    np.testing.assert_array_equal(class_ids(np.array([[2, 255]]), info, PATH), [[2, 255]])
    equal = np.array([[(1, 1, 1), (2, 2, 2)]], np.uint8)
    np.testing.assert_array_equal(class_ids(equal, info, PATH), [[1, 2]])
    with pytest.raises(DataError, match=re.escape("(1, 2, 3) (1 pixel)")):
        class_ids(np.array([[(0, 10, 20), (1, 2, 3)]], np.uint8), info, PATH)
