"""Crops: windows of the image, padding around it, and windows that hold a rare class."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from aligned_pairs import FILL, IGNORED, assert_aligned, in_tf_data, positions, stripes

from tf_image_segmentation.input.crop import crop_or_pad, rare_class_crop


def crop(size):
    return partial(crop_or_pad, crop_size=size, image_fill=FILL)


@pytest.mark.parametrize("size", [(16, 32), (48, 64), (64, 32)])
def test_image_and_mask_stay_aligned(size):
    for image, mask in in_tf_data(crop(size), *stripes()):
        assert image.shape[:2] == mask.shape == size
        assert_aligned(image, mask)


@pytest.mark.parametrize("shape", [(20, 90), (90, 20), (64, 64), (1, 1)])
def test_what_is_larger_is_cropped_and_what_is_smaller_is_padded(shape):
    for found_image, found_mask in in_tf_data(crop((64, 64)), *positions(*shape)):
        shown = found_mask != IGNORED
        rows, columns = np.divmod(found_mask[shown], shape[1])
        assert shown.sum() == min(shape[0], 64) * min(shape[1], 64)
        np.testing.assert_array_equal(found_image[shown][:, :2], np.stack([rows, columns], axis=-1))
        np.testing.assert_array_equal(
            found_image[~shown], np.tile(np.float32(FILL), (np.sum(~shown), 1))
        )


def test_crop_is_a_window_of_the_image_and_every_window_occurs():
    image, mask = positions(7, 9)
    corners = set()
    for found_image, found_mask in in_tf_data(crop((4, 8)), image, mask, count=80):
        top, left = found_image[0, 0, :2].astype(int)
        corners.add((top, left))
        np.testing.assert_array_equal(found_image, image[top : top + 4, left : left + 8])
        np.testing.assert_array_equal(found_mask, mask[top : top + 4, left : left + 8])
    assert corners == {(top, left) for top in range(4) for left in range(2)}


def test_padding_has_the_fill_color_and_no_label_and_lies_on_any_side():
    image, mask = stripes(3, 5)
    corners = set()
    for found_image, found_mask in in_tf_data(crop((4, 7)), image, mask, count=60):
        padding = found_mask == IGNORED
        np.testing.assert_array_equal(found_image[padding], np.tile(np.float32(FILL), (13, 1)))
        rows, columns = np.nonzero(~padding)
        top, left = rows.min(), columns.min()
        corners.add((top, left))
        np.testing.assert_array_equal(found_image[top : top + 3, left : left + 5], image)
        np.testing.assert_array_equal(found_mask[top : top + 3, left : left + 5], mask)
    assert corners == {(top, left) for top in range(2) for left in range(3)}


def pole():
    """A mask of class 0 with three pixels of class 2, one ignored; colors say the position."""
    image, _ = positions(40, 60)
    mask = np.zeros((40, 60), np.int32)
    mask[10:13, 50] = 2
    mask[0, 0] = IGNORED
    return image, mask


def rare(**arguments):
    return partial(rare_class_crop, **{"crop_size": (8, 16), "probability": 1.0, **arguments})


def test_a_rare_class_is_drawn_as_often_as_a_common_one():
    inside = [bool(2 in mask) for _, mask in in_tf_data(rare(), *pole(), count=200)]
    assert 70 < sum(inside) < 130  # a window at random holds it in about 6 of 100


def test_weights_say_which_classes_are_drawn():
    assert all(2 in mask for _, mask in in_tf_data(rare(weights=[0, 1, 1]), *pole(), count=30))
    # The pole is not among classes 0 and 1.
    inside = [bool(2 in mask) for _, mask in in_tf_data(rare(weights=[1, 1]), *pole(), count=60)]
    assert sum(inside) < 20


def test_the_window_is_a_piece_of_the_image_and_the_pixel_lies_anywhere_in_it():
    image, mask = pole()
    columns = set()
    for found_image, found_mask in in_tf_data(rare(weights=[0, 0, 1]), image, mask, count=100):
        top, left = found_image[0, 0, :2].astype(int)
        columns.add(50 - left)
        np.testing.assert_array_equal(found_image, image[top : top + 8, left : left + 16])
        np.testing.assert_array_equal(found_mask, mask[top : top + 8, left : left + 16])
    # The image ends 10 columns behind the pole.
    assert columns == set(range(6, 16))


def test_the_probability_says_how_often():
    shapes = [mask.shape for _, mask in in_tf_data(rare(probability=0.3), *pole(), count=200)]
    assert set(shapes) == {(8, 16), (40, 60)}
    assert 35 < shapes.count((8, 16)) < 85


def test_a_side_that_is_smaller_than_the_crop_stays():
    for image, mask in in_tf_data(rare(crop_size=(64, 16), weights=[0, 0, 1]), *pole(), count=5):
        assert image.shape == (40, 16, 3)
        assert np.sum(mask == 2) == 3


@pytest.mark.parametrize("weights", [None, [0, 1]])
def test_without_a_class_to_draw_nothing_changes(weights):
    image, mask = pole()
    mask[:] = IGNORED if weights is None else 0
    for found_image, found_mask in in_tf_data(rare(weights=weights), image, mask, count=3):
        np.testing.assert_array_equal(found_image, image)
        np.testing.assert_array_equal(found_mask, mask)


def test_class_255_is_a_class():
    image, mask = pole()
    mask[mask == 2] = 255
    inside = [255 in found for _, found in in_tf_data(rare(), image, mask, count=40)]
    assert any(inside)
