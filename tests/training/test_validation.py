"""What a validation counts, alone and with several workers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from small_records import INFO, examples, write_records

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation import ConfusionMatrix, register_metric
from tf_image_segmentation.evaluation.metrics import METRICS
from tf_image_segmentation.models.registry import MODELS
from tf_image_segmentation.registry import Part
from tf_image_segmentation.tfrecords import open_records
from tf_image_segmentation.training.validation import validate, validation_metrics

PARTS = [Part("mean_iou"), Part("boundary_f1", {"tolerance": 2})]


class Shifted:
    """Stands in for a network: knows labels from the red channel, and sees them 3 rows below."""

    num_classes = 3
    threshold = None
    spec = MODELS["fcn_32s"]

    def __call__(self, images):
        return -tf.abs(tf.roll(images, 3, axis=1)[..., :1] - [0.0, 100.0, 200.0])


def validated(records, total=lambda values: values, index=0, count=1):
    workers = SimpleNamespace(index=index, count=count, sum=total)
    return validate(Shifted(), records, INFO, lambda *_: tf.constant(1.5), PARTS, workers)


@pytest.mark.parametrize("count", [2, 3])
def test_workers_count_every_image_once(tmp_path, count):
    folder = write_records(tmp_path, {"val": examples(5)}, num_shards=2)
    records = open_records(folder, "val")
    sums, shown = [], []
    for index in range(1, count):
        passed = iter(list(sums))  # by the workers so far
        sums.clear()

        def total(values, passed=passed):
            sums.append(values + next(passed, 0))
            return values

        shown += validated(records, total, index, count).shown
    others = iter(sums)
    found = validated(records, lambda values: values + next(others), 0, count)
    whole = validated(records)
    np.testing.assert_array_equal(found.matrix.matrix, whole.matrix.matrix)
    assert found.values == whole.values
    assert whole.values["val_loss"] == 1.5
    ids = [prediction.image_id for prediction in (*shown, *found.shown)]
    assert sorted(ids) == [f"val{number}" for number in range(5)]


def test_a_label_without_a_class_names_the_image(tmp_path):
    info = DatasetInfo("more", ("a", "b", "c", "d"), ((0, 0, 0),) * 4)
    pairs = [(np.zeros((8, 8, 3), np.uint8), np.full((8, 8), label, np.uint8)) for label in (0, 3)]
    folder = write_records(tmp_path, {"val": pairs}, num_shards=1, info=info)
    with pytest.raises(DataError, match=r"image val1: label ids must .*convert the dataset again"):
        validated(open_records(folder, "val"))


def test_a_metric_that_fails_is_found_before_training():
    @register_metric
    def third_of_a_class(confusion: ConfusionMatrix, number: int = 0) -> float:
        return float(confusion.matrix[number, number])

    try:
        parts = [Part("third_of_a_class")]
        assert [part.name for part in validation_metrics(parts, INFO)][-1] == "mean_iou"
        with pytest.raises(DataError, match=r"'third_of_a_class' fails .*IndexError: index 99"):
            validation_metrics([Part("third_of_a_class", {"number": 99})], INFO)
    finally:
        METRICS.remove_from(__name__)
