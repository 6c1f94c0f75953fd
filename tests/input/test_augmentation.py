"""Each change of an image and its mask: what it does, and that both stay aligned."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tf_image_segmentation.input import augmentation
from tf_image_segmentation.input.augmentation import (
    Augmentation,
    random_color_distortion,
    random_crop_or_pad,
    random_flip,
    random_scale,
    resize,
)

FILL = (123.68, 116.78, 103.94)
VOID = 255


def stripes(height=37, width=53):
    """Bit 0 of the mask is stripes along x and shows in red, bit 1 along y and shows in green."""
    rng = np.random.default_rng(height * 1000 + width)
    along_x, along_y = rng.integers(0, 2, width), rng.integers(0, 2, height)
    mask = (along_x[np.newaxis, :] + 2 * along_y[:, np.newaxis]).astype(np.uint8)
    image = np.stack([200.0 * (mask & 1), 200.0 * (mask >> 1), np.full(mask.shape, 50.0)], axis=-1)
    return image.astype(np.float32), mask


def positions(height, width):
    """The image's color says where a pixel is, and the mask says it again."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, rows + columns], axis=-1).astype(np.float32)
    return image, (rows * width + columns).astype(np.int32)


def assert_aligned(image, mask, middle=100.0):
    labeled = mask != VOID
    for channel, bits in ((0, mask & 1), (1, mask >> 1)):
        # Halfway between two pixels either id is the nearest.
        clear = labeled & (np.abs(image[..., channel] - middle) > 1.0)
        assert clear.sum() > 0.8 * labeled.sum()
        np.testing.assert_array_equal(image[..., channel][clear] > middle, bits[clear] == 1)


def seeds(count, start=0):
    return np.array([[7, start + number] for number in range(count)], np.int32)


def eagerly(operation, image, mask, count=12, start=0):
    results = [operation(image, mask, tf.constant(seed)) for seed in seeds(count, start)]
    return [(np.asarray(image), np.asarray(mask)) for image, mask in results]


def in_tf_data(operation, image, mask, count=12, start=0):
    def change(seed):
        return operation(tf.constant(image), tf.constant(mask), seed)

    return list(
        tf.data.Dataset.from_tensor_slices(seeds(count, start))
        .map(change, num_parallel_calls=2)
        .as_numpy_iterator()
    )


def crop_or_pad(size):
    return partial(random_crop_or_pad, size=size, image_fill=FILL, mask_fill=VOID)


OPERATIONS = {
    "flip": random_flip,
    "scale": partial(random_scale, scale_range=(0.5, 2.0)),
    "crop": crop_or_pad((16, 32)),
    "pad": crop_or_pad((48, 64)),
    "crop and pad": crop_or_pad((64, 32)),
    "fast colors": partial(random_color_distortion, fast=True),
    "full colors": random_color_distortion,
    "all": Augmentation((32, 64), FILL, VOID, True, (0.5, 2.0), "full"),
}
MOVES = ("flip", "scale", "crop", "pad", "crop and pad")


@pytest.mark.parametrize("name", OPERATIONS)
def test_inside_tf_data_gives_what_it_gives_eagerly(name):
    expected = eagerly(OPERATIONS[name], *stripes())
    found = in_tf_data(OPERATIONS[name], *stripes())
    for (image, mask), (expected_image, expected_mask) in zip(found, expected, strict=True):
        assert image.dtype == np.float32
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, expected_mask)
        np.testing.assert_allclose(image, expected_image, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_seed_decides_and_nothing_else(name):
    tf.random.set_seed(1)
    first = eagerly(OPERATIONS[name], *stripes())
    tf.random.set_seed(2)
    second = eagerly(OPERATIONS[name], *stripes())
    for (image, mask), (again_image, again_mask) in zip(first, second, strict=True):
        np.testing.assert_array_equal(image, again_image)
        np.testing.assert_array_equal(mask, again_mask)
    assert len({image.tobytes() for image, _ in first}) > 1


@pytest.mark.parametrize("name", MOVES)
def test_image_and_mask_stay_aligned(name):
    for image, mask in eagerly(OPERATIONS[name], *stripes()):
        assert image.shape[:2] == mask.shape
        assert_aligned(image, mask)


def test_flip_mirrors_half_of_the_time():
    image, mask = positions(3, 8)
    flipped = 0
    for found_image, found_mask in eagerly(random_flip, image, mask, count=200):
        step = -1 if found_mask[0, 0] else 1
        flipped += step == -1
        np.testing.assert_array_equal(found_image, image[:, ::step])
        np.testing.assert_array_equal(found_mask, mask[:, ::step])
    assert 70 < flipped < 130


def test_flip_keeps_the_dtype_of_the_image():
    image, mask = stripes()
    assert random_flip(image.astype(np.uint8), mask, seeds(1)[0])[0].dtype == tf.uint8


def test_scale_stays_within_its_bounds_and_keeps_the_proportions():
    image, mask = stripes(100, 200)
    sizes = [m.shape for _, m in eagerly(OPERATIONS["scale"], image, mask, count=60)]
    heights = np.array([height for height, _ in sizes])
    assert 50 <= heights.min() < 65
    assert 185 < heights.max() <= 200
    assert all(abs(2 * height - width) <= 1 for height, width in sizes)


def test_scale_of_one_changes_nothing():
    image, mask = stripes()
    found_image, found_mask = random_scale(image, mask, seeds(1)[0], (1.0, 1.0))
    np.testing.assert_array_equal(found_image, image)
    np.testing.assert_array_equal(found_mask, mask)


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (1, 1)])
def test_scale_leaves_at_least_one_pixel(shape):  # fault 8
    for image, mask in eagerly(
        partial(random_scale, scale_range=(0.1, 0.2)), *stripes(*shape), count=4
    ):
        assert min(mask.shape) == 1
        assert image.shape == (*mask.shape, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_nearest_invents_no_ids(dtype):
    rng = np.random.default_rng(0)
    mask = rng.choice(np.array([0, 7, 255], dtype), (31, 41))
    for _, found in eagerly(OPERATIONS["scale"], np.zeros((31, 41, 3), np.float32), mask):
        assert found.dtype == dtype
        assert set(np.unique(found)) == {0, 7, 255}


@pytest.mark.parametrize("size", [(1, 1), (7, 90), (31, 41), (62, 82), (90, 7), (200, 333)])
def test_masks_show_the_pixels_that_tensorflow_takes_as_nearest(size):
    image, mask = positions(31, 41)
    expected = tf.image.resize(mask[..., np.newaxis], size, method="nearest")[..., 0]
    _, found = resize(image, mask, size)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(20, 90), (90, 20), (64, 64), (1, 1)])
def test_what_is_larger_is_cropped_and_what_is_smaller_is_padded(shape):
    image, mask = positions(*shape)
    for found_image, found_mask in eagerly(
        crop_or_pad((64, 64)), image, mask.astype(np.int32) + 256
    ):
        shown = found_mask != VOID
        rows, columns = np.divmod(found_mask[shown] - 256, shape[1])
        assert shown.sum() == min(shape[0], 64) * min(shape[1], 64)
        np.testing.assert_array_equal(found_image[shown][:, :2], np.stack([rows, columns], axis=-1))
        np.testing.assert_array_equal(
            found_image[~shown], np.tile(np.float32(FILL), (np.sum(~shown), 1))
        )


def test_resize_stays_in_the_range_of_the_image():
    image, mask = stripes()
    image = np.where(image > 100, 255.0, 0.0).astype(np.float32)
    found, _ = resize(image, mask, [61, 29])
    assert found.dtype == tf.float32
    assert np.min(found) >= 0.0
    assert np.max(found) <= 255.0


def test_crop_is_a_window_of_the_image_and_every_window_occurs():
    image, mask = positions(7, 9)
    corners = set()
    for found_image, found_mask in eagerly(crop_or_pad((4, 8)), image, mask, count=80):
        top, left = found_image[0, 0, :2].astype(int)
        corners.add((top, left))
        np.testing.assert_array_equal(found_image, image[top : top + 4, left : left + 8])
        np.testing.assert_array_equal(found_mask, mask[top : top + 4, left : left + 8])
    assert corners == {(top, left) for top in range(4) for left in range(2)}


@pytest.mark.parametrize("mask_fill", [255, 11])
def test_padding_has_the_mean_color_and_the_ignore_label(mask_fill):
    image, mask = stripes(3, 5)
    pad = partial(random_crop_or_pad, size=(4, 7), image_fill=FILL, mask_fill=mask_fill)
    corners = set()
    for found_image, found_mask in eagerly(pad, image, mask, count=60):
        padding = found_mask == mask_fill
        np.testing.assert_array_equal(found_image[padding], np.tile(np.float32(FILL), (13, 1)))
        rows, columns = np.nonzero(~padding)
        top, left = rows.min(), columns.min()
        corners.add((top, left))
        np.testing.assert_array_equal(found_image[top : top + 3, left : left + 5], image)
        np.testing.assert_array_equal(found_mask[top : top + 3, left : left + 5], mask)
    assert corners == {(top, left) for top in range(2) for left in range(3)}


def test_the_size_is_known_inside_tf_data():
    image, mask = stripes()
    examples = tf.data.Dataset.from_tensors((image, mask)).repeat(2)
    result = examples.map(lambda i, m: OPERATIONS["all"](i, m, [1, 2]))
    image_spec, mask_spec = result.element_spec
    assert image_spec.shape == (32, 64, 3)
    assert mask_spec.shape == (32, 64)


class Recorder:
    """Stands in for the color operations and notes which are called, in which order."""

    NAMES = ("brightness", "saturation", "hue", "contrast")

    def __init__(self, monkeypatch):
        self.order = []
        for name in self.NAMES:
            monkeypatch.setattr(tf.image, f"stateless_random_{name}", partial(self.note, name))

    def note(self, name, image, *arguments):
        self.order.append(name)
        return image

    def orders(self, fast, count=40):
        image, mask = stripes(4, 4)
        found = set()
        for seed in seeds(count):
            self.order = []
            random_color_distortion(image, mask, tf.constant(seed), fast)
            found.add(tuple(self.order))
        return found


def test_colors_are_distorted_in_each_of_four_orders(monkeypatch):
    assert Recorder(monkeypatch).orders(fast=False) == {
        ("brightness", "saturation", "hue", "contrast"),
        ("saturation", "brightness", "contrast", "hue"),
        ("contrast", "hue", "brightness", "saturation"),
        ("hue", "saturation", "contrast", "brightness"),
    }


def test_fast_colors_are_brightness_and_saturation_only(monkeypatch):
    assert Recorder(monkeypatch).orders(fast=True) == {
        ("brightness", "saturation"),
        ("saturation", "brightness"),
    }


@pytest.mark.parametrize("fast", [False, True])
def test_colors_stay_in_range_and_the_mask_stays(fast):
    rng = np.random.default_rng(1)
    image = rng.choice(np.array([0.0, 3.0, 128.0, 255.0], np.float32), (20, 20, 3))
    mask = rng.choice(np.array([0, 1, 255], np.uint8), (20, 20))
    changed = []
    for found_image, found_mask in eagerly(
        partial(random_color_distortion, fast=fast), image, mask
    ):
        assert found_image.min() >= 0.0
        assert found_image.max() <= 255.0
        assert found_image.dtype == np.float32
        np.testing.assert_array_equal(found_mask, mask)
        changed.append(np.abs(found_image - image).mean())
    # The strength is that of 0..255 images: changes that the eye sees, no other picture.
    assert 5.0 < np.mean(changed) < 100.0


def test_all_together_keeps_image_and_mask_aligned():
    image, mask = stripes(50, 70)
    for scale_range, size in (((0.4, 0.6), (64, 96)), ((1.5, 2.0), (32, 32)), (None, (64, 32))):
        augment = Augmentation(size, FILL, VOID, True, scale_range)
        for found_image, found_mask in eagerly(augment, image.astype(np.uint8), mask, count=6):
            assert found_image.shape == (*size, 3)
            assert found_image.dtype == np.float32
            assert set(np.unique(found_mask)) <= {0, 1, 2, 3, VOID}
            assert_aligned(found_image, found_mask)


def test_color_distortion_leaves_the_color_of_padding_alone():
    image, mask = stripes(20, 20)
    augment = Augmentation((32, 32), FILL, VOID, color_distortion="full")
    for found_image, found_mask in eagerly(augment, image, mask):
        padding = found_mask == VOID
        assert padding.sum() == 32 * 32 - 20 * 20
        np.testing.assert_array_equal(
            found_image[padding], np.tile(np.float32(FILL), (padding.sum(), 1))
        )


def test_color_distortion_is_off_unless_asked_for(monkeypatch):
    recorder = Recorder(monkeypatch)
    Augmentation((32, 32), FILL, VOID)(*stripes(), tf.constant([1, 2]))
    assert recorder.order == []
    for name, count in (("fast", 2), ("full", 4)):
        recorder.order = []
        Augmentation((32, 32), FILL, VOID, color_distortion=name)(*stripes(), tf.constant([1, 2]))
        assert len(recorder.order) == count


def test_unknown_color_distortion_is_refused():
    with pytest.raises(ValueError, match=r"'strong'; choose from \('none', 'fast', 'full'\)"):
        Augmentation((32, 32), FILL, VOID, color_distortion="strong")
    assert augmentation.COLOR_DISTORTIONS == ("none", "fast", "full")
