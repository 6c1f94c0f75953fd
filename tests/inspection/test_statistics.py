"""Statistics of a split against all of its pixels at once."""

from __future__ import annotations

import numpy as np
import pytest
from measured import statistics_of
from small_records import examples

EXAMPLES = examples(5)


@pytest.fixture(scope="module")
def statistics():
    return statistics_of("train", EXAMPLES)


def test_pixels_and_images_of_each_label(statistics):
    for label in range(256):
        assert statistics.label_pixels[label] == sum(np.sum(m == label) for _, m in EXAMPLES)
        assert statistics.label_images[label] == sum(np.any(m == label) for _, m in EXAMPLES)
    assert statistics.label_pixels[255] > 0


def test_colors_are_those_of_all_pixels_together(statistics):
    pixels = np.concatenate([image.reshape(-1, 3) for image, _ in EXAMPLES]).astype(float)
    np.testing.assert_allclose(statistics.color_means(), pixels.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(statistics.color_deviations(), pixels.std(axis=0), rtol=1e-12)


def test_channels_are_red_green_and_blue():
    image = np.zeros((40, 40, 3), np.uint8)
    image[..., 0], image[..., 1], image[:20, :, 2] = 250, 100, 10
    found = statistics_of("train", [(image, np.zeros((40, 40), np.uint8))])
    np.testing.assert_allclose(found.color_means(), [250, 100, 5])
    np.testing.assert_allclose(found.color_deviations(), [0, 0, 5])


def test_sizes_are_height_and_width():
    shapes = [(40, 50), (50, 40), (40, 50), (31, 90)]
    images = [(np.zeros((*s, 3), np.uint8), np.zeros(s, np.uint8)) for s in shapes]
    found = statistics_of("val", images)
    assert found.sizes == {(40, 50): 2, (50, 40): 1, (31, 90): 1}
    assert found.small == ["val3"]


def test_masks_of_a_single_label_are_known():
    image = np.zeros((32, 32, 3), np.uint8)
    masks = [np.full((32, 32), label, np.uint8) for label in (255, 3, 255)]
    masks.append(np.eye(32, dtype=np.uint8))
    found = statistics_of("train", [(image, mask) for mask in masks])
    assert found.single_label == {255: ["train0", "train2"], 3: ["train1"]}
