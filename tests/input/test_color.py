"""Color distortion, noise and blur: they change the image and leave the mask alone."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from aligned_pairs import eagerly, seeds, stripes
from scipy.ndimage import gaussian_filter

from tf_image_segmentation.input.color import blur, color, noise


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

    def orders(self, mode, count=40):
        image, mask = stripes(4, 4)
        found = set()
        for seed in seeds(count):
            self.order = []
            color(image, mask, tf.constant(seed), mode)
            found.add(tuple(self.order))
        return found


def test_colors_are_distorted_in_each_of_four_orders(monkeypatch):
    assert Recorder(monkeypatch).orders("full") == {
        ("brightness", "saturation", "hue", "contrast"),
        ("saturation", "brightness", "contrast", "hue"),
        ("contrast", "hue", "brightness", "saturation"),
        ("hue", "saturation", "contrast", "brightness"),
    }


def test_fast_colors_are_brightness_and_saturation_only(monkeypatch):
    assert Recorder(monkeypatch).orders("fast") == {
        ("brightness", "saturation"),
        ("saturation", "brightness"),
    }


@pytest.mark.parametrize("mode", ["fast", "full"])
def test_colors_stay_in_range_and_the_mask_stays(mode):
    rng = np.random.default_rng(1)
    image = rng.choice(np.array([0.0, 3.0, 128.0, 255.0], np.float32), (20, 20, 3))
    mask = rng.choice(np.array([0, 1, -1], np.int32), (20, 20))
    changed = []
    for found_image, found_mask in eagerly(partial(color, mode=mode), image, mask):
        assert found_image.min() >= 0.0
        assert found_image.max() <= 255.0
        assert found_image.dtype == np.float32
        np.testing.assert_array_equal(found_mask, mask)
        changed.append(np.abs(found_image - image).mean())
    # The strength is that of 0..255 images: changes that the eye sees, no other picture.
    assert 5.0 < np.mean(changed) < 100.0


def test_noise_has_the_deviation_that_it_is_given_and_is_clipped():
    image = np.full((100, 100, 3), 128.0, np.float32)
    mask = np.ones((100, 100), np.int32)
    deviations = []
    for found, found_mask in eagerly(partial(noise, deviation=(4.0, 8.0)), image, mask, count=40):
        deviations.append(found.std())
        assert abs(found.mean() - 128.0) < 0.3
        correlation = np.corrcoef(found.reshape(-1, 3).T)
        np.testing.assert_allclose(correlation, np.eye(3), atol=0.05)
        np.testing.assert_array_equal(found_mask, mask)
    assert 3.9 < min(deviations) < 4.8
    assert 7.2 < max(deviations) < 8.1
    for value in (0.0, 255.0):
        found, _ = noise(np.full_like(image, value), mask, seeds(1)[0])
        assert 0.0 <= np.min(found) < np.max(found) <= 255.0


@pytest.mark.parametrize("shape", [(30, 41), (3, 50), (1, 1)])
@pytest.mark.parametrize("sigma", [0.0, 0.8, 2.5])
def test_blur_is_a_gaussian_filter_over_the_pixels_inside(shape, sigma):
    image = np.random.default_rng(2).uniform(0, 255, (*shape, 3)).astype(np.float32)
    mask = np.zeros(shape, np.int32)
    found, found_mask = blur(image, mask, seeds(1)[0], (sigma, sigma))
    radius = max(1, round(3 * sigma))
    smooth = partial(gaussian_filter, sigma=max(sigma, 1e-2), mode="constant", radius=radius)
    inside = smooth(np.ones(shape))
    for channel in range(3):
        expected = smooth(image[..., channel].astype(np.float64)) / inside
        np.testing.assert_allclose(found[..., channel], expected, rtol=0, atol=1e-2)
    assert found_mask is mask


def test_blur_draws_its_width_between_the_bounds():
    image = np.zeros((41, 41, 3), np.float32)
    image[20, 20] = 1000.0
    mask = np.zeros((41, 41), np.int32)
    widths = []
    for found, _ in eagerly(partial(blur, sigma=(1.0, 3.0)), image, mask, count=40):
        shares = found[..., 0].sum(axis=0) / found[..., 0].sum()
        widths.append(np.sqrt(np.sum(shares * (np.arange(41) - 20) ** 2)))
    assert 0.9 < min(widths) < 1.3
    assert 2.6 < max(widths) < 3.0
