"""Prediction at any image size, against slow versions of both ways to fit an image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from thin_networks import thin_network

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters, refine
from tf_image_segmentation.inference.predict import (
    pad_to_multiple,
    predict_labels,
    predict_probabilities,
)
from tf_image_segmentation.models.registry import MODELS

MEAN = np.array([123.68, 116.78, 103.94], np.float32)
SIZES = [(31, 33), (1, 1), (1, 200), (200, 1), (32, 64), (48, 80), (45, 50), (65, 95)]


class NearestColor:
    """Stands in for a network: each pixel is the class whose red is nearest to its own."""

    num_classes = 6
    threshold = None
    spec = MODELS["fcn_32s"]
    reds = np.array([0, 50, 100, 150, 200, 250], np.float32)

    def __init__(self):
        self.shapes = []

    def __call__(self, images):
        assert images.dtype == np.float32
        self.shapes.append(tuple(images.shape))
        return -tf.abs(images[..., :1] - self.reds)


@pytest.fixture(scope="module")
def network():
    return thin_network(skips=1.0, side=128)


def random_image(height, width, dtype=np.uint8):
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype)


def padded_by_hand(image):
    height, width = image.shape[:2]
    padded = np.tile(MEAN, (math.ceil(height / 32) * 32, math.ceil(width / 32) * 32, 1))
    padded[:height, :width] = image
    return padded


def legacy_bilinear(image, height, width):
    """Samples at output * (input size / output size), without the half-pixel shift."""
    image = image.astype(np.float32)
    scales = np.float32(image.shape[:2]) / np.float32([height, width])
    result = np.empty((height, width, image.shape[2]), np.float32)
    for row in range(height):
        y = np.float32(row) * scales[0]
        top = int(y)
        bottom = min(top + 1, image.shape[0] - 1)
        for column in range(width):
            x = np.float32(column) * scales[1]
            left = int(x)
            right = min(left + 1, image.shape[1] - 1)
            dy, dx = y - np.float32(top), x - np.float32(left)
            above = image[top, left] + (image[top, right] - image[top, left]) * dx
            below = image[bottom, left] + (image[bottom, right] - image[bottom, left]) * dx
            result[row, column] = above + (below - above) * dy
    return result


def legacy_nearest(labels, height, width):
    result = np.empty((height, width), labels.dtype)
    for row in range(height):
        for column in range(width):
            result[row, column] = labels[
                min(int(row * labels.shape[0] / height), labels.shape[0] - 1),
                min(int(column * labels.shape[1] / width), labels.shape[1] - 1),
            ]
    return result


def nearest_multiple(side):
    """Half a multiple goes up, as TensorFlow rounded before its version 1.0."""
    return max(32, math.floor(side / 32 + 0.5) * 32)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pad_equals_the_network_on_an_image_padded_by_hand(network, height, width):  # fault 8
    image = random_image(height, width)
    logits = network(padded_by_hand(image)[np.newaxis]).numpy()[0]
    labels = predict_labels(network, image)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, logits.argmax(axis=-1)[:height, :width])
    if height * width > 1000:
        assert len(np.unique(labels)) > 1  # else any two predictions would be equal


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pad_resamples_no_pixel(height, width):
    image = random_image(height, width)
    labels = predict_labels(NearestColor(), image, fit="pad")
    distances = np.abs(image[..., :1].astype(np.float32) - NearestColor.reds)
    np.testing.assert_array_equal(labels, distances.argmin(axis=-1))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_resize_equals_a_slow_version_of_the_classic_way(height, width):  # fault 8
    image = random_image(height, width)
    size = nearest_multiple(height), nearest_multiple(width)
    classify = NearestColor()
    small = np.argmax(classify(legacy_bilinear(image, *size)[np.newaxis]), axis=-1)[0]
    network = NearestColor()
    labels = predict_labels(network, image, fit="resize")
    assert network.shapes == [(1, *size, 3)]
    assert labels.dtype == np.uint8
    assert labels.shape == (height, width)
    # A pixel within float rounding of the middle between two classes may differ.
    assert np.mean(labels != legacy_nearest(small, height, width)) < 0.002


@pytest.mark.parametrize(("height", "width"), [(45, 50), (1, 200)])
def test_resize_of_a_real_network(network, height, width):
    image = random_image(height, width)
    resized = legacy_bilinear(image, nearest_multiple(height), nearest_multiple(width))
    small = network(resized[np.newaxis]).numpy()[0].argmax(axis=-1)
    expected = legacy_nearest(small, height, width)
    assert np.mean(predict_labels(network, image, "resize") != expected) < 0.005


@pytest.mark.parametrize(
    ("side", "expected"), [(1, 32), (16, 32), (47, 32), (48, 64), (80, 96), (336, 352), (500, 512)]
)
def test_resize_goes_to_the_nearest_multiple_and_halves_go_up(side, expected):
    network = NearestColor()
    predict_labels(network, np.zeros((side, 32, 3), np.uint8), fit="resize")
    assert network.shapes == [(1, expected, 32, 3)]


def test_both_fits_agree_where_nothing_has_to_be_fitted(network):
    image = random_image(64, 96)
    np.testing.assert_array_equal(
        predict_labels(network, image, "pad"), predict_labels(network, image, "resize")
    )


def test_padding_is_below_and_right_and_of_the_mean_color():
    image = random_image(33, 32)
    padded = pad_to_multiple(image, MODELS["fcn_32s"])
    assert padded.dtype == np.float32
    np.testing.assert_array_equal(padded, padded_by_hand(image))
    assert padded.shape == (64, 32, 3)


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
@pytest.mark.parametrize("fit", ["pad", "resize"])
def test_the_dtype_of_the_image_changes_nothing(network, dtype, fit):
    image = random_image(40, 50)
    np.testing.assert_array_equal(
        predict_labels(network, image.astype(dtype), fit), predict_labels(network, image, fit)
    )


@pytest.mark.parametrize(
    "shape", [(4, 4), (4, 4, 1), (4, 4, 4), (1, 4, 4, 3), (0, 4, 3), (4, 0, 3)]
)
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(
        ValueError, match=r"image must be \[height, width, 3\] with pixels"
    ) as error:
        predict_labels(NearestColor(), np.zeros(shape, np.uint8))
    assert str(shape) in str(error.value)


def test_an_unknown_fit_is_refused():
    with pytest.raises(ValueError, match=r"unknown fit 'crop'; choose from \('pad', 'resize'\)"):
        predict_labels(NearestColor(), np.zeros((4, 4, 3), np.uint8), fit="crop")


def test_more_classes_than_labels_can_hold_are_refused():
    network = NearestColor()
    network.num_classes = 257
    with pytest.raises(ValueError, match="labels are 8-bit, the network has 257 classes"):
        predict_labels(network, np.zeros((4, 4, 3), np.uint8))


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def test_one_view_is_the_softmax_of_the_padded_image(network):
    image = random_image(40, 50)
    logits = network(padded_by_hand(image)[np.newaxis]).numpy()[0, :40, :50]
    found = predict_probabilities(network, image)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, softmax(logits), atol=1e-5)


def bilinear(image, height, width):
    """Samples at pixel centers, repeating the border."""
    result = np.empty((height, width, image.shape[2]), np.float64)
    for row in range(height):
        y = min(max((row + 0.5) * image.shape[0] / height - 0.5, 0), image.shape[0] - 1)
        for column in range(width):
            x = min(max((column + 0.5) * image.shape[1] / width - 0.5, 0), image.shape[1] - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, image.shape[0] - 1), min(left + 1, image.shape[1] - 1)
            above = image[top, left] * (1 - x + left) + image[top, right] * (x - left)
            below = image[bottom, left] * (1 - x + left) + image[bottom, right] * (x - left)
            result[row, column] = above * (1 - y + top) + below * (y - top)
    return result


def test_scales_and_flip_are_a_mean_of_views(network):
    image = random_image(40, 50)
    views = []
    for height, width in [(40, 50), (20, 25), (60, 75)]:
        scaled = bilinear(image.astype(np.float64), height, width)
        for step in (1, -1):
            view = predict_probabilities(network, scaled[:, ::step])[:, ::step]
            views.append(bilinear(view, 40, 50))
    found = predict_probabilities(network, image, scales=(1.0, 0.5, 1.5), flip=True)
    np.testing.assert_allclose(found, np.mean(views, axis=0), atol=1e-4)
    labels = predict_labels(network, image, scales=(1.0, 0.5, 1.5), flip=True)
    np.testing.assert_array_equal(labels, found.argmax(axis=-1))


def test_crf_refines_the_probabilities(network):
    pytest.importorskip("pydensecrf")
    image = random_image(40, 50)
    expected = refine(image, predict_probabilities(network, image), CrfParameters(iterations=2))
    labels = predict_labels(network, image, crf=CrfParameters(iterations=2))
    np.testing.assert_array_equal(labels, expected.argmax(axis=-1))


@pytest.mark.parametrize("options", [{"scales": (1, 2)}, {"flip": True}, {"crf": CrfParameters()}])
def test_views_are_padded_only(network, options):
    with pytest.raises(ValueError, match="gives labels alone: leave out scales"):
        predict_labels(network, random_image(8, 8), fit="resize", **options)


def test_a_size_stretches_the_image_and_the_logits_back(network):
    image = random_image(40, 50)
    stretched = tf.image.resize(image[np.newaxis], [32, 96])
    logits = tf.image.resize(network(stretched), [40, 50])[0].numpy()
    found = predict_labels(network, image, fit="32x96")
    np.testing.assert_array_equal(found, logits.argmax(axis=-1))
    mirrored = tf.image.resize(network(stretched[:, :, ::-1]), [40, 50])[0, :, ::-1].numpy()
    both = tf.nn.softmax(logits).numpy() + tf.nn.softmax(mirrored).numpy()
    found = predict_labels(network, image, fit="32x96", flip=True)
    assert np.mean(found == both.argmax(axis=-1)) > 0.99


def test_a_size_that_does_not_fit_is_refused(network):
    with pytest.raises(ValueError, match="multiples of 32 for this model, got 30x96; try 32x96"):
        predict_labels(network, random_image(8, 8), fit="30x96")
    with pytest.raises(ValueError, match="scales work on padded images only"):
        predict_labels(network, random_image(8, 8), fit="32x32", scales=(2,))


@pytest.mark.parametrize("scales", [(), (1.0, 0.0), (-1.0,), (float("nan"),), (0.05,), (1e9,)])
def test_scales_out_of_bounds_are_refused(network, scales):  # fault 71
    with pytest.raises(DataError, match=r"scales must be numbers from 0\.0625 to 16, got \["):
        predict_probabilities(network, random_image(8, 8), scales)


@pytest.mark.parametrize("options", [{}, {"flip": True}])
def test_a_large_image_is_the_mean_of_windows(network, options):
    image = random_image(100, 150)  # more than two windows of 64 x 64
    found = predict_labels(network, image, window=64, overlap=32, **options)
    total, weights = np.zeros((100, 150, 4)), np.zeros((100, 150, 1))
    for top in (0, 32, 36):
        for left in (0, 32, 64, 86):
            tile = image[top : top + 64, left : left + 64]
            if options:
                scores = predict_probabilities(network, tile, **options)
            else:
                scores = network(tile[np.newaxis].astype(np.float32)).numpy()[0]
            ramp = np.minimum((np.minimum(np.arange(64), np.arange(64)[::-1]) + 0.5) / 32, 1)
            weight = np.outer(ramp, ramp)[..., np.newaxis]
            total[top : top + 64, left : left + 64] += weight * scores
            weights[top : top + 64, left : left + 64] += weight
    mean = total / weights
    first, second = np.sort(mean, axis=-1)[..., ::-1][..., :2].transpose(2, 0, 1)
    clear = first - second > 1e-4  # else rounding decides
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(found[clear], mean.argmax(axis=-1)[clear])
    assert np.mean(found != predict_labels(network, image)) > 1e-3  # and windows do matter
    probabilities = predict_probabilities(network, image, window=64, overlap=32, **options)
    expected = mean if options else softmax(mean)
    np.testing.assert_allclose(probabilities, expected, atol=1e-4)


def test_a_large_image_is_refined_window_by_window(network):
    pytest.importorskip("pydensecrf")
    image, parameters = random_image(64, 200), CrfParameters(iterations=1)
    whole = predict_labels(network, image, crf=parameters, window=64, overlap=0)
    for left in (0, 64):  # without overlap, only the last two windows meet
        tile = predict_labels(network, image[:, left : left + 64], crf=parameters)
        np.testing.assert_array_equal(whole[:, left : left + 64], tile)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 300}, "window must be a multiple of 32 for this model, got 300; try 320"),
        ({"window": 0}, "window must be at least 1, got 0"),
        ({"window": 64, "overlap": 64}, "overlap must be at least 0 and less than the window"),
        ({"overlap": -1}, "overlap must be at least 0"),
    ],
)
def test_windows_that_do_not_fit_are_refused(network, options, message):
    with pytest.raises(ValueError, match=message):
        predict_labels(network, random_image(8, 8), **options)
