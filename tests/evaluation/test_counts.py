"""Counts of several workers, and metrics by the names of their values."""

from __future__ import annotations

import numpy as np
import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation import METRICS
from tf_image_segmentation.evaluation.counts import Counts, metric_of_scalar
from tf_image_segmentation.evaluation.metrics import parse_metrics, scalars
from tf_image_segmentation.registry import Part

CLASSES, VOID = 5, 255


def test_counts_of_workers_add_up():
    parts = parse_metrics(["mean_iou", {"name": "boundary_f1", "tolerance": 2}])
    whole, *workers = (Counts(parts, CLASSES, VOID) for _ in range(3))
    rng = np.random.default_rng(0)
    for number in range(5):
        labels = rng.choice([0, 1, 2, 3, 4, VOID], (9, 7))
        predictions = rng.integers(0, CLASSES, (9, 7))
        for counts in (whole, workers[number % 2]):
            counts.update(labels, predictions, "here")
    passed = []
    workers[1].add_up(lambda values: passed.append(values) or values)
    workers[0].add_up(lambda values: values + passed.pop(0))
    assert not passed
    np.testing.assert_array_equal(workers[0].matrix.matrix, whole.matrix.matrix)
    assert workers[0].matrix.ignored_pixels == whole.matrix.ignored_pixels > 0
    found, expected = workers[0].results(), whole.results()
    assert found["mean_iou"] == expected["mean_iou"]
    np.testing.assert_array_equal(found["boundary_f1"], expected["boundary_f1"])


def test_every_metric_is_found_by_the_name_of_its_value_or_mean(registered):
    @registered
    def of_class_four(confusion):
        return float(confusion.matrix[4, 4])

    for name in METRICS:
        parts = parse_metrics([name])
        counts = Counts(parts, CLASSES, None)
        counts.update(np.arange(CLASSES)[None], np.arange(CLASSES)[None], "here")
        (scalar,) = scalars(counts.results())
        found = Counts([metric_of_scalar(scalar, CLASSES)], CLASSES, None)
        found.update(np.arange(CLASSES)[None], np.arange(CLASSES)[None], "here")
        assert scalars(found.results()) == scalars(counts.results())
    assert metric_of_scalar("mean_boundary_f1", CLASSES) == Part("boundary_f1")
    assert metric_of_scalar("mean_iou", CLASSES) == Part("mean_iou")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dice", "--metric dice: has one value a class; choose mean_dice, their mean"),
        ("accuracy", "choose mean_pixel_accuracy"),
        ("mean_mean_iou", "unknown metric 'mean_mean_iou'"),
        ("no", "unknown metric 'no'"),
    ],
)
def test_names_of_no_single_value_are_refused(name, message):
    with pytest.raises(DataError, match=message):
        metric_of_scalar(name, CLASSES)
