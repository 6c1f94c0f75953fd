"""Prediction for many images, with the dense CRF in this process and in others."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.inference.predict import join_blocks, predict_labels
from tf_image_segmentation.inference.stream import Item, predict_each
from tf_image_segmentation.models.registry import MODELS

CRF = CrfParameters(bilateral_sxy=4, bilateral_srgb=20, iterations=2)


class Reds:
    """Stands in for a network: classes by the red of a pixel, none of them sure."""

    num_classes = 3
    threshold = None
    spec = MODELS["fcn_32s"]

    def __call__(self, images):
        return -tf.abs(images[..., :1] - [0.0, 100.0, 200.0]) / 40


def random_items(count):
    rng = np.random.default_rng(0)
    sizes = [(20 + 7 * number, 50 - 3 * number) for number in range(count)]
    return [
        Item(f"{n}.png", rng.integers(0, 256, (*size, 3), np.uint8), data=object())
        for n, size in enumerate(sizes)
    ]


@pytest.mark.parametrize("window", [1024, 32])  # 32: some of the images are large
@pytest.mark.parametrize("workers", [1, 2])
def test_order_and_labels_are_those_of_single_predictions(window, workers):
    pytest.importorskip("pydensecrf")
    items, options = random_items(11), {"window": window, "overlap": 8}
    both = PredictionOptions(**options, crf=CRF, crf_workers=workers)
    found = list(predict_each(Reds(), items, both))
    changed = 0
    for (item, blocks), expected in zip(found, items, strict=True):
        assert item is expected
        image = item.image
        labels, refined = join_blocks(image, blocks)
        np.testing.assert_array_equal(labels, predict_labels(Reds(), image, **options))
        np.testing.assert_array_equal(refined, predict_labels(Reds(), image, crf=CRF, **options))
        changed += np.count_nonzero(labels != refined)
    assert changed


def test_without_a_crf_nothing_is_predicted_ahead():
    taken = []

    def items():
        for item in random_items(3):
            taken.append(item.name)
            yield item

    stream = predict_each(Reds(), items())
    next(stream)
    assert taken == ["0.png"]


def test_want_of_memory_names_the_image():
    class Greedy(Reds):
        def __call__(self, images):
            raise tf.errors.ResourceExhaustedError(None, None, "OOM")

    with pytest.raises(
        DataError, match=r"image 0\.png: out of memory at 20 x 50 pixels .*--window"
    ):
        for item, blocks in predict_each(Greedy(), random_items(1)):
            join_blocks(item.image, blocks)


def test_a_missing_pydensecrf_is_said_before_anything_is_predicted(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pydensecrf", None)
    with pytest.raises(DataError, match="pip install pydensecrf2"):
        next(predict_each(Reds(), iter(()), PredictionOptions(crf=CRF)))
