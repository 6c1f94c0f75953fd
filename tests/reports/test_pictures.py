"""Encoded pictures of images and masks."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from small_records import INFO

from tf_image_segmentation.inference.visualization import IGNORE_COLOR
from tf_image_segmentation.reports.pictures import HATCH_COLOR, Picture, overlaid, painted, photo

Colors = set[tuple[int, ...]]


def decoded(picture: Picture) -> np.ndarray:
    with Image.open(io.BytesIO(picture.data)) as image:
        assert (image.width, image.height) == (picture.width, picture.height)
        assert picture.media_type == f"image/{image.format.lower()}"
        return np.asarray(image.convert("RGB"))


def colors(picture: np.ndarray) -> Colors:
    return {tuple(color) for color in picture.reshape(-1, 3).tolist()}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((360, 480), (360, 480)),
        ((720, 960), (360, 480)),
        ((1000, 750), (480, 360)),
        ((20, 30), (20, 30)),
        ((1, 2000), (1, 480)),
        ((1, 1), (1, 1)),
    ],
)
def test_no_side_is_longer_than_480_pixels(shape, expected):
    assert decoded(photo(np.zeros((*shape, 3), np.uint8))).shape[:2] == expected
    assert decoded(painted(np.zeros(shape, np.uint8), INFO)).shape[:2] == expected


def test_a_photo_looks_like_the_image():
    rows, columns = np.indices((100, 120))
    image = np.stack([2 * rows, 2 * columns, rows + columns], axis=-1).astype(np.uint8)
    shown = decoded(photo(image)).astype(int)
    assert np.abs(shown - image).mean() < 3


def test_labels_have_the_colors_of_their_classes():
    labels = np.random.default_rng(0).integers(0, 3, (33, 41)).astype(np.uint8)
    expected = np.array(INFO.palette)[labels]
    np.testing.assert_array_equal(decoded(painted(labels, INFO)), expected)


def test_shrinking_makes_no_colors_up():
    labels = np.random.default_rng(0).integers(0, 3, (700, 900)).astype(np.uint8)
    assert colors(decoded(painted(labels, INFO))) == set(INFO.palette)


def test_ignored_pixels_are_hatched_and_others_are_not():
    labels = np.zeros((40, 40), np.uint8)
    labels[:, 20:] = 255
    shown = decoded(painted(labels, INFO, ignored=255))
    assert colors(shown[:, :20]) == {INFO.palette[0]}
    assert colors(shown[:, 20:]) == {IGNORE_COLOR, HATCH_COLOR}
    assert np.mean(np.all(shown[:, 20:] == HATCH_COLOR, axis=-1)) == 0.5


def test_an_ignored_class_is_hatched_in_the_truth_alone():
    labels = np.ones((16, 16), np.uint8)
    assert colors(decoded(painted(labels, INFO, ignored=1))) == {IGNORE_COLOR, HATCH_COLOR}
    assert colors(decoded(painted(labels, INFO))) == {INFO.palette[1]}


def test_an_overlay_is_half_image_and_half_colors():
    image, labels = np.full((40, 60, 3), 200, np.uint8), np.zeros((40, 60), np.uint8)
    labels[:, 32:] = 1
    shown = decoded(overlaid(image, labels, INFO.palette, ignored=255)).astype(int)
    for part, label in ((shown[:, :24], 0), (shown[:, 40:], 1)):
        expected = (200 + np.array(INFO.palette[label])) / 2
        assert np.abs(part - expected).max() <= 4  # a JPEG
    assert decoded(overlaid(image, labels, INFO.palette, None, 30)).shape == (20, 30, 3)


def test_the_data_uri_holds_the_file():
    picture = photo(np.zeros((4, 4, 3), np.uint8))
    head, data = picture.uri.split(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == picture.data
