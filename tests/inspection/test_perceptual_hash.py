"""The hash that finds images that look alike, on photos and made-up images."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageEnhance

from tf_image_segmentation.inspection.perceptual_hash import DEFAULT_DISTANCE, perceptual_hash

PHOTOS = ("astronaut", "camera", "cat", "coffee", "coins", "moon", "rocket", "clock")


@pytest.fixture(scope="module")
def photos() -> dict[str, Image.Image]:
    return {name: Image.fromarray(getattr(skimage.data, name)()).convert("RGB") for name in PHOTOS}


def hash_of(picture: Image.Image) -> np.ndarray:
    found = perceptual_hash(np.asarray(picture))
    assert found is not None
    return found


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def with_noise(picture: Image.Image) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, 5, (picture.height, picture.width, 3))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


COPIES = {
    "encoded again": lambda p: as_jpeg(p, 75),
    "encoded badly": lambda p: as_jpeg(p, 30),
    "half the size": lambda p: p.resize((p.width // 2, p.height // 2)),
    "twice the size": lambda p: p.resize((2 * p.width, 2 * p.height), Image.Resampling.BICUBIC),
    "squeezed": lambda p: p.resize((int(0.8 * p.width), p.height)),
    "brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.1),
    "darker": lambda p: ImageEnhance.Brightness(p).enhance(0.8),
    "gray": lambda p: p.convert("L").convert("RGB"),
    "noisy": with_noise,
}


@pytest.mark.parametrize("change", COPIES)
def test_copies_are_found(change, photos):
    distances = {
        name: int(np.sum(hash_of(COPIES[change](photo)) != hash_of(photo)))
        for name, photo in photos.items()
    }
    assert max(distances.values()) <= DEFAULT_DISTANCE, distances


def test_different_photos_are_far_apart(photos):
    hashes = [hash_of(photo) for photo in photos.values()]
    hashes += [
        hash_of(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) for photo in photos.values()
    ]
    distances = [np.sum(a != b) for n, a in enumerate(hashes) for b in hashes[:n]]
    assert min(distances) > 2 * DEFAULT_DISTANCE


def test_the_hash_equals_a_slow_transform():
    image = np.random.default_rng(3).integers(0, 256, (32, 32), np.uint8)
    places = np.arange(32) + 0.5
    low = np.empty((8, 8))
    for u in range(1, 9):
        for v in range(1, 9):
            waves = np.outer(np.cos(np.pi * u * places / 32), np.cos(np.pi * v * places / 32))
            low[u - 1, v - 1] = (waves * image).sum()
    expected = (low > np.median(low)).ravel()
    found = perceptual_hash(np.stack([image] * 3, axis=-1))
    np.testing.assert_array_equal(found, expected)
    assert expected.sum() == 32


@pytest.mark.parametrize("value", [0, 7, 255])
def test_images_of_one_brightness_have_no_hash(value):
    image = np.full((50, 60, 3), value, np.uint8)
    assert perceptual_hash(image) is None
    noise = np.random.default_rng(0).integers(-3, 4, image.shape)
    assert perceptual_hash((image + noise).clip(0, 255).astype(np.uint8)) is None


def test_any_size_has_a_hash():
    for shape in ((1, 1), (1, 400), (31, 33)):
        image = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
        found = perceptual_hash(image)
        assert found is None or found.shape == (64,)


def test_frames_of_camvid_are_not_mistaken_for_copies(shared_data):
    hashes = {
        split: np.array([hash_of(Image.open(p).convert("RGB")) for p in sorted(paths)[::5]])
        for split in ("train", "val")
        if (paths := list((shared_data / "camvid" / split).glob("*.png")))
    }
    distances = (hashes["train"][:, np.newaxis] != hashes["val"]).sum(axis=-1)
    assert distances.min() > DEFAULT_DISTANCE
