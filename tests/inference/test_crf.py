"""The dense CRF: published examples to the pixel, and refusals of bad input."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import BOUNDS, CrfParameters, refine

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
UNIFORM = np.full((12, 16, 3), 1 / 3, np.float32)


@pytest.fixture
def pydensecrf():
    return pytest.importorskip("pydensecrf")


@pytest.mark.parametrize("number", [1, 2])
def test_the_examples_of_pydensecrf_come_out_to_the_pixel(pydensecrf, shared_data, number):
    folder = shared_data / "dense_crf"
    image = np.array(Image.open(folder / f"im{number}.png").convert("RGB"))
    drawn = np.array(Image.open(folder / f"anno{number}.png").convert("RGB")).astype(np.uint32)
    colors = drawn[..., 0] | drawn[..., 1] << 8 | drawn[..., 2] << 16
    found, labels = np.unique(colors, return_inverse=True)
    labels = labels.reshape(colors.shape)
    classes = len(found) - 1  # black is "unknown"
    probabilities = np.full((*labels.shape, classes), 0.3 / (classes - 1), np.float32)
    rows, columns = np.nonzero(labels)
    probabilities[rows, columns, labels[rows, columns] - 1] = 0.7
    probabilities[labels == 0] = 1 / classes
    refined = refine(image, probabilities, CrfParameters()).argmax(-1)
    expected = np.array(Image.open(folder / f"out{number}.png").convert("RGB")).astype(np.uint32)
    expected = expected[..., 0] | expected[..., 1] << 8 | expected[..., 2] << 16
    np.testing.assert_array_equal(found[1:][refined], expected)


def test_an_isolated_pixel_gives_in_to_its_neighbors(pydensecrf):
    image = np.full((12, 16, 3), 90, np.uint8)
    probabilities = np.tile(np.float32([0.8, 0.2]), (12, 16, 1))
    probabilities[6, 8] = (0.0, 1.0)  # fault 61: a probability of zero
    refined = refine(image, probabilities)
    assert refined.dtype == np.float32 and np.isfinite(refined).all()
    assert (refined.argmax(-1) == 0).all()


def test_any_memory_order_and_precision(pydensecrf):  # fault 61
    probabilities = np.random.default_rng(1).dirichlet(np.ones(3), (12, 16))
    expected = refine(IMAGE, probabilities.astype(np.float32))
    fortran = np.asfortranarray(probabilities)
    np.testing.assert_allclose(refine(np.asfortranarray(IMAGE), fortran), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("image", "probabilities", "message"),
    [
        (IMAGE, np.where(np.eye(12, 16)[..., None], np.nan, UNIFORM), "36 of them are not"),
        (IMAGE, UNIFORM * 9, "must be 0..1"),
        (IMAGE, -UNIFORM, "must be 0..1"),
        (IMAGE, UNIFORM.transpose(1, 0, 2), r"must be \[12, 16, classes\]"),
        (IMAGE, UNIFORM[..., 0], r"must be \[12, 16, classes\]"),
        (IMAGE.astype(np.float32), UNIFORM, "image must be uint8"),
        (IMAGE[..., 0], UNIFORM, "image must be uint8"),
    ],
)
def test_bad_input_is_refused(image, probabilities, message):  # fault 61
    with pytest.raises(ValueError, match=message):
        refine(image, probabilities)


@pytest.mark.parametrize(
    ("name", "value", "bounds"),
    [
        ("bilateral_sxy", 0, "from 0.01 to 10000, got 0"),
        ("gaussian_sxy", float("nan"), "from 0.01 to 10000, got nan"),
        ("gaussian_sxy", 9e-4, "from 0.01 to 10000, got 0.0009"),
        ("bilateral_srgb", float("inf"), "from 0.01 to 10000, got inf"),
        ("bilateral_compat", 1e300, "from 0 to 10000, got 1e\\+300"),
        ("gaussian_compat", -1, "from 0 to 10000, got -1"),
        ("iterations", -1, "from 1 to 1000, got -1"),
        ("iterations", 2_000_000_000, "from 1 to 1000, got 2e\\+09"),
    ],
)
def test_parameters_out_of_bounds_are_refused(name, value, bounds):  # fault 71
    with pytest.raises(DataError, match=f"{name} must be {bounds}"):
        CrfParameters(**{name: value})


@pytest.mark.parametrize("end", [0, 1])
def test_what_is_within_the_bounds_gives_probabilities(pydensecrf, end):  # fault 71
    values = {name: bounds[end] for name, bounds in BOUNDS.items()}
    refined = refine(IMAGE, UNIFORM, CrfParameters(**{**values, "iterations": 5}))
    np.testing.assert_allclose(refined.sum(-1), 1, atol=1e-4)


def test_without_pydensecrf_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    with pytest.raises(DataError, match="pip install pydensecrf2"):
        refine(IMAGE, UNIFORM)
