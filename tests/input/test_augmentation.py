"""The chain of ops: by name, from a seed, with image and mask aligned, and the crop last."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from aligned_pairs import FILL, VOID, assert_aligned, eagerly, in_tf_data, positions, stripes

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.input import AUGMENTATIONS, register_augmentation
from tf_image_segmentation.input.augmentation import make_augmentation
from tf_image_segmentation.input.crop import crop_or_pad
from tf_image_segmentation.input.geometry import flip, scale
from tf_image_segmentation.registry import Part

LISTS = {
    "none": [],
    "flip": ["flip"],
    "default": ["flip", {"name": "scale", "range": [0.5, 2.0]}],
    "all": [
        "flip",
        {"name": "flip", "direction": "vertical"},
        {"name": "color", "mode": "fast"},
        "noise",
        "blur",
        {"name": "rotation", "degrees": 20},
        {"name": "elastic", "fill": "reflect"},
        "scale",
        "rare_class_crop",
    ],
}


@pytest.fixture
def registered():
    yield register_augmentation
    AUGMENTATIONS.remove_from(__name__)


def make(parts, size=(32, 64), mask_fill=VOID):
    return make_augmentation(parts, size, FILL, mask_fill)


@pytest.mark.parametrize("name", LISTS)
def test_inside_tf_data_gives_what_it_gives_eagerly(name):
    augmentation = make(LISTS[name])
    image, mask = stripes()
    pair = image.astype(np.uint8), mask.astype(np.uint8)
    for (found, labels), (expected, expected_labels) in zip(
        in_tf_data(augmentation, *pair, count=4), eagerly(augmentation, *pair, count=4), strict=True
    ):
        assert (found.dtype, labels.dtype) == (np.float32, np.uint8)
        assert (found.shape, labels.shape) == ((32, 64, 3), (32, 64))
        # A place halfway between two pixels may be rounded either way.
        assert np.mean(labels != expected_labels) < 0.01
        assert np.mean(np.abs(found - expected)) < 0.1


@pytest.mark.parametrize("name", LISTS)
def test_the_seed_decides_and_nothing_else(name):
    augmentation = make(LISTS[name])
    results = []
    for global_seed in (1, 2):
        tf.random.set_seed(global_seed)
        results.append(eagerly(augmentation, *stripes(), count=6))
    for (image, mask), (again_image, again_mask) in zip(*results, strict=True):
        np.testing.assert_array_equal(image, again_image)
        np.testing.assert_array_equal(mask, again_mask)
    assert len({image.tobytes() for image, _ in results[0]}) > 1


def test_image_and_mask_stay_aligned_through_a_whole_list():
    moves = ["flip", {"name": "flip", "direction": "vertical"}]
    for bounds, size in (([0.7, 0.9], (64, 96)), ([1.5, 2.0], (32, 32))):
        augmentation = make([*moves, {"name": "scale", "range": bounds}, "rare_class_crop"], size)
        image, mask = stripes(50, 70)
        pair = image.astype(np.uint8), mask.astype(np.uint8)
        for found_image, found_mask in eagerly(augmentation, *pair, count=6):
            assert set(np.unique(found_mask)) <= {0, 1, 2, 3, VOID}
            assert_aligned(found_image, found_mask, ignored=VOID)


def test_flip_and_scale_draw_what_version_0_1_drew():
    # Its four seeds were, in this order, those of flip, scale, crop and color.
    image, mask = stripes()
    augmentation = make(LISTS["default"])
    for number in range(8):
        seed = tf.constant([3, number])
        flip_seed, scale_seed, crop_seed, _ = tf.unstack(tf.random.split(seed, 4))
        expected = scale(*flip(image, mask, flip_seed), scale_seed, [0.5, 2.0])
        expected = crop_or_pad(*expected, crop_seed, (32, 64), FILL)
        found = augmentation(image, mask, seed)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], np.where(expected[1] < 0, VOID, expected[1]))


def test_another_op_at_the_end_leaves_the_draws_of_the_others_alone(registered):
    @registered
    def untouched(image, mask, seed):
        return image, mask

    image, mask = stripes()
    pair = image, np.where(mask == 2, VOID, mask).astype(np.uint8)
    for parts in (LISTS["none"], LISTS["flip"], LISTS["default"]):
        for one, two in zip(
            eagerly(make(parts), *pair, count=4),
            eagerly(make([*parts, "untouched"]), *pair, count=4),
            strict=True,
        ):
            np.testing.assert_array_equal(one[0], two[0])
            # The other op is given another type of mask, with -1 for ignored pixels.
            np.testing.assert_array_equal(one[1], two[1])


def test_each_op_has_a_seed_of_its_own(registered):
    drawn = []

    @registered
    def record_seed(image, mask, seed):
        drawn.append(tuple(np.asarray(seed)))
        return image, mask

    augmentation = make(["record_seed"] * 5)
    drawn.clear()
    augmentation(*stripes(), tf.constant([1, 2]))
    assert len(set(drawn)) == 5


@pytest.mark.parametrize("ignore_label", [255, 11, 0])
def test_the_ignore_label_arrives_as_minus_1_and_leaves_as_it_came(registered, ignore_label):
    seen = []

    @registered
    def look(image, mask, seed):
        seen.append(np.unique(mask))
        return image, mask

    augmentation = make(["look"], (4, 6), ignore_label)
    seen.clear()
    mask = np.full((4, 4), 3, np.uint8)
    mask[1, 2] = ignore_label
    _, found = augmentation(np.zeros((4, 4, 3), np.uint8), mask, tf.constant([0, 0]))
    np.testing.assert_array_equal(seen, [[-1, 3]])
    assert found.dtype == tf.uint8
    assert np.sum(found == ignore_label) == 1 + 4 * 2
    assert np.sum(found == np.uint8(3)) == 15


def test_without_an_ignore_label_class_255_is_a_class():  # fault 65
    augmentation = make([], (4, 6), mask_fill=-1)
    mask = np.full((4, 4), 255, np.uint8)
    _, found = augmentation(np.zeros((4, 4, 3), np.uint8), mask, tf.constant([0, 0]))
    assert found.dtype == tf.int32
    assert np.sum(found == 255) == 16
    assert np.sum(found == -1) == 8


def test_a_mask_of_ignored_pixels_only_stays_so():  # fault 41
    mask = np.full((40, 50), VOID, np.uint8)
    for _, found in eagerly(make(LISTS["all"]), np.zeros((40, 50, 3), np.uint8), mask, count=4):
        assert (found == VOID).all()


def test_the_color_of_padding_reaches_the_network_as_it_is():
    image, mask = stripes(20, 20)
    augmentation = make(["color", "noise", "blur"], (32, 32))
    for found_image, found_mask in eagerly(augmentation, image, mask, count=4):
        padding = found_mask == VOID
        assert padding.sum() == 32 * 32 - 20 * 20
        np.testing.assert_array_equal(
            found_image[padding], np.tile(np.float32(FILL), (padding.sum(), 1))
        )


def test_the_size_is_known_inside_tf_data():
    examples = tf.data.Dataset.from_tensors(stripes()).repeat(2)
    augmentation = make(LISTS["all"])
    result = examples.map(lambda i, m: augmentation(i, m, [1, 2]))
    image_spec, mask_spec = result.element_spec
    assert image_spec.shape == (32, 64, 3)
    assert mask_spec.shape == (32, 64)


def test_an_op_of_the_user_takes_part_by_its_name(registered):
    @registered
    def darken(image, mask, seed, factor=0.5):
        return image * factor, mask

    image, mask = positions(4, 4)
    for part, factor in (
        ("darken", 0.5),
        ({"name": "darken", "factor": 0.25}, 0.25),
        (Part("darken", {"factor": 0.75}), 0.75),
    ):
        found, _ = make([part], (4, 4))(image, mask, tf.constant([0, 0]))
        np.testing.assert_array_equal(found, factor * image)


def test_an_op_gets_color_and_crop_size_by_naming_them(registered):
    @registered(name="erase")
    def erase_all(image, mask, seed, image_fill, crop_size):
        assert tuple(crop_size) == (4, 8)
        return tf.zeros_like(image) + tf.constant(image_fill), tf.fill(tf.shape(mask), -1)

    augmentation = make(["erase"], (4, 8))
    for found_image, found_mask in eagerly(augmentation, *stripes(4, 8), count=1):
        np.testing.assert_array_equal(found_image, np.tile(np.float32(FILL), (4, 8, 1)))
        assert (found_mask == VOID).all()
    with pytest.raises(DataError, match="'erase' takes no image_fill"):
        make([{"name": "erase", "image_fill": [0, 0, 0]}])


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda image, mask: image, "'wrong' must return an image"),
        (lambda image, mask: (image, mask, mask), "'wrong' must return an image"),
        (lambda image, mask: (image[1:], mask), r"got float32 \(31, 64, 3\) and int32 \(32, 64\)"),
        (lambda image, mask: (image, tf.cast(mask, tf.uint8)), "and uint8"),
        (lambda image, mask: (tf.cast(image, tf.uint8), mask), "got uint8"),
    ],
)
def test_an_op_that_returns_something_else_is_named(registered, result, message):
    @registered
    def wrong(image, mask, seed):
        return result(image, mask)

    with pytest.raises(DataError, match=message):
        make(["wrong"])


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("sharpen", "unknown augmentation 'sharpen'; choose from .*'blur', 'color'"),
        (7, "a augmentation must be a name or a table|an augmentation must be"),
        ({"name": "flip", "axis": 1}, "'flip' takes no axis; it takes direction"),
        ({"name": "flip", "direction": "up"}, "unknown direction .*'up'; choose from"),
        ({"name": "scale", "range": [2.0, 1.0]}, r"range must be two factors in order, got \[2"),
        ({"name": "scale", "range": [0.0, 1.0]}, "two factors in order"),
        ({"name": "color", "mode": "wild"}, "'wild'; choose from .*'fast', 'full'"),
        ({"name": "noise", "deviation": [3, 1]}, "'noise': deviation must be two numbers in order"),
        ({"name": "blur", "sigma": [-1, 1]}, "'blur': sigma must be two numbers"),
        ({"name": "rotation", "degrees": 400}, "degrees must be in 0..180, got 400"),
        ({"name": "rotation", "fill": "sky"}, "unknown fill 'sky'"),
        ({"name": "elastic", "grid": 1}, "grid at least 2"),
        ({"name": "rare_class_crop", "probability": 2}, "probability must be in 0..1"),
        ({"name": "rare_class_crop", "weights": [1, -1]}, "no weight negative"),
    ],
)
def test_wrong_parts_are_refused_before_training(part, message):
    with pytest.raises(DataError, match=message):
        make([part])
