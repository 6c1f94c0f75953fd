"""Several networks on the same records: metrics of all, pictures of the first images."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from small_records import INFO, examples, write_records

from tf_image_segmentation.evaluation.compare import compare
from tf_image_segmentation.inference.visualization import colorize
from tf_image_segmentation.models.registry import ModelSpec
from tf_image_segmentation.tfrecords import open_records


class Copycat:
    """Stands in for a network: knows the label of each pixel from its red channel."""

    num_classes = 3
    threshold = None
    spec = ModelSpec("copycat", print)

    def __call__(self, images):
        return -tf.abs(images[..., :1] - [0.0, 100.0, 200.0])


class Blind(Copycat):
    """Says class 0 everywhere."""

    def __call__(self, images):
        return super().__call__(images * 0)


def test_metrics_of_each_network_and_pictures_of_the_first_images(tmp_path):
    pairs = examples(4)
    records = open_records(write_records(tmp_path, {"val": pairs}, num_shards=1), "val")
    found = compare({"a": Copycat(), "b": Blind()}, records, INFO, num_images=2)
    assert found.metrics["a"]["mean_iou"] == 1.0
    labels = np.concatenate([mask.ravel() for _, mask in pairs])
    expected = np.mean(labels[labels != 255] == 0)
    np.testing.assert_allclose(found.metrics["b"]["pixel_accuracy"], expected)
    assert list(found.columns) == ["image", "truth", "a", "b"]
    for number, (image, mask) in enumerate(pairs[:2]):
        np.testing.assert_array_equal(found.columns["image"][number], image)
        np.testing.assert_array_equal(found.columns["truth"][number], colorize(mask, INFO.palette))
        assert (found.columns["b"][number] == INFO.palette[0]).all()
    assert {len(column) for column in found.columns.values()} == {2}
    assert found.picture().shape == (2 * 184 + 4 + 14, 4 * 244 + 4, 3)
    assert compare({"a": Copycat()}, records, INFO).columns["a"] == []
