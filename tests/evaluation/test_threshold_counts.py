"""The threshold of the best metric, against a slow search over the pixels."""

from __future__ import annotations

import numpy as np
import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.threshold import GRID, ThresholdCounts, best_threshold
from tf_image_segmentation.registry import Part

VOID = 255


def images():
    rng = np.random.default_rng(0)
    for _ in range(3):
        labels = rng.choice([0, 1, VOID], (20, 30), p=[0.7, 0.2, 0.1])
        noise = rng.normal(0, 1, labels.shape)
        yield labels, (1 / (1 + np.exp(-(2 * (labels == 1) - 2 + noise)))).astype(np.float32)


def counted(label):
    counts = ThresholdCounts(label, VOID)
    for labels, probabilities in images():
        counts.update(labels, probabilities if label else 1 - probabilities)
    return counts


def slow_dice(label, threshold):
    right = predicted = true = 0
    for labels, probabilities in images():
        likely = probabilities if label else 1 - probabilities
        for truth, value in zip(labels.ravel(), likely.ravel(), strict=True):
            if truth != VOID:
                found = value >= np.float32(threshold)
                right += found and truth == label
                predicted += found
                true += truth == label
    return 2 * right / (predicted + true)


@pytest.mark.parametrize("label", [0, 1])
def test_dice_at_each_threshold_is_that_of_its_pixels(label):
    values = counted(label).values(Part("dice"))
    for number in (0, 99, 298, 499, 700, 998):
        assert values[number] == pytest.approx(slow_dice(label, GRID[number]), rel=1e-12)
    best = best_threshold(values)
    assert slow_dice(label, best) == values.max() > slow_dice(label, 0.5)


def test_a_metric_over_both_classes_has_the_same_counts():
    counts = counted(1)
    matrix = counts.confusion(299).matrix
    pairs = [(t, p >= np.float32(0.3)) for t, p in images()]
    expected = [
        [sum(np.sum((t == i) & (f == j)) for t, f in pairs) for j in (0, 1)] for i in (0, 1)
    ]
    np.testing.assert_array_equal(matrix, expected)
    iou = np.diag(matrix) / (matrix.sum(axis=0) + matrix.sum(axis=1) - np.diag(matrix))
    assert counts.values(Part("mean_iou"))[299] == pytest.approx(iou.mean())


def test_a_probability_on_the_grid_reaches_its_threshold():
    counts = ThresholdCounts(1, None)
    counts.update(np.ones((1, 999), int), GRID[np.newaxis])
    assert [counts.confusion(number).matrix[1, 1] for number in range(999)] == [*range(999, 0, -1)]


def test_of_equal_thresholds_the_one_nearest_to_a_half_is_best():
    values = np.full(999, 0.1)
    values[[100, 400, 401, 900]] = 0.7
    values[0] = np.nan
    assert best_threshold(values) == 0.402


def test_what_cannot_be_counted_is_refused():
    counts = ThresholdCounts(1, VOID)
    with pytest.raises(ValueError, match=r"labels must be 0 or 1, found \[2\]"):
        counts.update(np.array([[0, 2, VOID]]), np.zeros((1, 3), np.float32))
    counts = ThresholdCounts(1, VOID)
    counts.update(np.array([[0, VOID]]), np.zeros((1, 2), np.float32))
    with pytest.raises(DataError, match="no labeled pixel is of class 1"):
        counts.values(Part("dice"))
    with pytest.raises(DataError, match="'boundary_f1' needs images"):
        counted(1).values(Part("boundary_f1"))
