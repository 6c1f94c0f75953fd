"""Mutated images, masks, lists and .mat files end in a complete result or in a named error."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from mutations import fuzz, mutated, outcome
from PIL import Image
from seeds import (
    HEIGHT,
    IDS,
    IMAGES,
    INFO,
    MASKS,
    MATS,
    OTHERS,
    PAIRS,
    WIDTH,
    compressed_again,
    with_png_checksums,
)

from tf_image_segmentation.datasets import Sample, get_dataset
from tf_image_segmentation.datasets.decode.decoding import content_type
from tf_image_segmentation.datasets.decode.encoding import EncodedSample, encode_sample
from tf_image_segmentation.datasets.decode.images import decode_image
from tf_image_segmentation.datasets.decode.mask_encodings import class_ids
from tf_image_segmentation.datasets.decode.masks import read_mask
from tf_image_segmentation.datasets.decode.matlab import load_mat
from tf_image_segmentation.datasets.decode.other_formats import (
    read_bmp,
    read_gif,
    read_jpeg_mask,
    read_tiff,
)
from tf_image_segmentation.datasets.lists import read_ids, read_pairs
from tf_image_segmentation.datasets.sets.berkeley_sbd import read_sbd_mask

MAX_PIXELS = 10**6
VALUES = [0, 1, 2, 255]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def check_sample(sample: EncodedSample) -> None:
    """The sample is what another decoder makes of its bytes, and every pixel is counted."""
    image = Image.open(io.BytesIO(sample.encoded_image))
    image.load()
    assert image.mode == "RGB" and image.size == (sample.width, sample.height)
    mask = np.asarray(Image.open(io.BytesIO(sample.encoded_mask)))
    assert mask.dtype == np.uint8 and mask.shape == (sample.height, sample.width)
    np.testing.assert_array_equal(sample.label_pixels, np.bincount(mask.ravel(), minlength=256))
    assert sample.label_pixels[VALUES].sum() == mask.size


@fuzz(150, data=mutated(IMAGES), mend=st.booleans(), deep=st.booleans())
def test_images(folder: Path, data: bytes, mend: bool, deep: bool) -> None:
    data = with_png_checksums(data) if mend and data[:4] == b"\x89PNG" else data
    image, mask = write(folder / "a.img", data), write(folder / "a.png", MASKS["index"])
    depth = (0, 65535) if deep else None
    options = {"max_pixels": MAX_PIXELS, "intensity_range": depth}
    sample = outcome(lambda: encode_sample(Sample("a", image, mask), INFO, **options), image)
    if sample is not None:
        assert (sample.height, sample.width) == (HEIGHT, WIDTH)
        check_sample(sample)
    pixels = outcome(lambda: decode_image(image, **options), image)
    assert sample is None or pixels.shape == (HEIGHT, WIDTH, 3)
    assert pixels is None or (pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.size)


@fuzz(100, data=mutated(MASKS), mend=st.booleans())
def test_masks(folder: Path, data: bytes, mend: bool) -> None:
    data = with_png_checksums(data) if mend else data
    image, mask = write(folder / "m.jpg", IMAGES["jpeg"]), write(folder / "m.png", data)
    sample = Sample("m", image, mask)
    found = outcome(lambda: encode_sample(sample, INFO, max_pixels=MAX_PIXELS), mask)
    if found is not None:
        check_sample(found)
    stored = outcome(lambda: read_mask(mask, max_pixels=MAX_PIXELS), mask)
    assert found is None or stored.shape == (HEIGHT, WIDTH)


@fuzz(
    150,
    data=mutated(OTHERS),
    read=st.sampled_from([read_tiff, read_gif, read_bmp, read_jpeg_mask]),
)
def test_other_formats(folder: Path, data: bytes, read: Callable[..., np.ndarray]) -> None:
    path = write(folder / "a.other", data)
    kind = content_type(data)
    read = {"TIFF": read_tiff, "GIF": read_gif, "BMP": read_bmp}.get(kind, read)
    pixels = outcome(lambda: read(path, max_pixels=MAX_PIXELS), path)
    if pixels is not None:
        assert pixels.dtype in (np.uint8, np.uint16) and 0 < pixels.size <= 3 * MAX_PIXELS
        assert pixels.ndim == 2 or pixels.shape[2:] == (3,)


@fuzz(150, data=mutated(MATS), again=st.booleans())
def test_mat_files(folder: Path, data: bytes, again: bool) -> None:
    path = write(folder / "a.mat", compressed_again(data) if again else data)
    mask = outcome(lambda: read_sbd_mask(path), path)
    variable = outcome(lambda: load_mat(path, "GTcls"), path)
    if mask is not None:
        assert isinstance(mask, np.ndarray) and variable.dtype.names
        ids = outcome(lambda: class_ids(mask, INFO, path), path)
        assert ids is None or (ids.dtype == np.uint8 and np.isin(ids, VALUES).all())


def lines(data: bytes) -> list[str]:
    """What a list lists, read in the simplest way."""
    return [line.strip() for line in data.decode("utf-8-sig").split("\n") if line.strip()]


@fuzz(100, data=mutated(IDS), other=mutated(IDS))
def test_lists_of_ids(folder: Path, data: bytes, other: bytes) -> None:
    root = folder / "voc"
    path = write(root / "ImageSets/Segmentation/train.txt", data)
    write(root / "ImageSets/Segmentation/val.txt", other)
    ids = outcome(lambda: read_ids(path), path)
    assert ids is None or (ids == lines(data) and len(set(ids)) == len(ids) > 0)
    samples = outcome(
        lambda: list(get_dataset("pascal_voc").open(root).splits["train"]), root, "are listed twice"
    )
    if samples is not None:
        assert [sample.image_id for sample in samples] == ids
        for sample in samples:
            assert sample.image.resolve().is_relative_to(root.resolve() / "JPEGImages")
            assert sample.mask.resolve().is_relative_to(root.resolve() / "SegmentationClass")


@fuzz(100, data=mutated(PAIRS))
def test_lists_of_pairs(folder: Path, data: bytes) -> None:
    root = folder / "camvid"
    path = write(root / "train.txt", data)
    pairs = outcome(lambda: read_pairs(path), path)
    assert pairs is None or len(pairs) == len(lines(data)) > 0
    assert pairs is None or all(image and mask for image, mask in pairs)
    samples = outcome(
        lambda: list(get_dataset("camvid").open(root).splits["train"]), root, "are listed twice"
    )
    if samples is not None:
        assert len(samples) == len(pairs)
        for sample in samples:
            assert sample.image.resolve().is_relative_to(root.resolve())
            assert sample.mask.resolve().is_relative_to(root.resolve())
