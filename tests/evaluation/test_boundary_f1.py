"""Boundary F1 against a form that measures each distance by itself."""

from __future__ import annotations

import numpy as np
import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.boundary_f1 import BoundaryF1

CLASSES, VOID = 4, 255


def slow_boundary(mask, label):
    """Places of the class with a neighbor of another label."""
    height, width = mask.shape
    places = []
    for row, column in np.argwhere(mask == label):
        for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            r, c = row + down, column + right
            if 0 <= r < height and 0 <= c < width and mask[r, c] != label:
                places.append((row, column))
                break
    return places


def slow_right(places, others, reach):
    return sum(any(np.hypot(p[0] - o[0], p[1] - o[1]) <= reach for o in others) for p in places)


def slow_f1(pairs, reach):
    scores = []
    for label in range(CLASSES):
        counts = np.zeros(4)
        for labels, predictions in pairs:
            shown = np.where(labels == VOID, VOID, predictions)
            true, predicted = slow_boundary(labels, label), slow_boundary(shown, label)
            counts += [
                slow_right(predicted, true, reach),
                len(predicted),
                slow_right(true, predicted, reach),
                len(true),
            ]
        if counts[1] + counts[3] == 0:
            scores.append(np.nan)
        elif counts[0] == 0 or counts[2] == 0:
            scores.append(0.0)
        else:
            precision, recall = counts[0] / counts[1], counts[2] / counts[3]
            scores.append(2 * precision * recall / (precision + recall))
    return scores


def blobs(seed, shape=(18, 25)):
    """Blocks of 3x3 pixels of classes 0 to 2, some ignored, and a prediction that is near."""
    rng = np.random.default_rng(seed)
    coarse = rng.choice([0, 1, 2, VOID], (6, 9), p=[0.5, 0.2, 0.2, 0.1])
    labels = np.kron(coarse, np.ones((3, 3), int))[: shape[0], : shape[1]]
    predictions = np.roll(labels, rng.integers(0, 3, 2), axis=(0, 1))
    return labels, np.where(predictions == VOID, 1, predictions)


@pytest.mark.parametrize("tolerance", [1, 1.5, 3, 0.04])
def test_it_is_the_slow_form_over_all_images(tolerance):
    pairs = [blobs(seed) for seed in range(3)]
    metric = BoundaryF1(CLASSES, VOID, tolerance)
    for labels, predictions in pairs:
        metric.update(labels.astype(np.uint8), predictions.astype(np.uint8))
    reach = tolerance * np.hypot(18, 25) if tolerance < 1 else tolerance
    found = metric.result()
    np.testing.assert_allclose(found, slow_f1(pairs, reach), rtol=1e-12)
    assert np.isnan(found[3])
    assert 0.2 < found[0] < 1.0


def test_a_shift_counts_from_the_tolerance_on():
    labels = np.zeros((20, 20), np.uint8)
    labels[5:12, 5:12] = 1
    shifted = np.roll(labels, 2, axis=1)
    for tolerance, perfect in ((1, False), (2, True)):
        metric = BoundaryF1(2, None, tolerance)
        metric.update(labels, shifted)
        assert bool(metric.result()[1] == 1.0) is perfect


def test_a_class_that_is_only_predicted_or_never_found_scores_zero():
    labels = np.zeros((20, 20), np.uint8)
    labels[2:6, 2:6] = 1
    predictions = np.zeros_like(labels)
    predictions[12:16, 12:16] = 2
    metric = BoundaryF1(3, None, 1)
    metric.update(labels, predictions)
    np.testing.assert_array_equal(metric.result(), [0.0, 0.0, 0.0])


def test_an_ignored_strip_is_a_boundary():
    labels = np.zeros((20, 20), np.uint8)
    labels[5:15, 5:15] = VOID
    labels[7:13, 7:13] = 1
    inside = np.zeros_like(labels)
    inside[6:14, 6:14] = 1  # its outline lies in the strip
    metric = BoundaryF1(2, VOID, 1)
    metric.update(labels, inside)
    np.testing.assert_array_equal(metric.result(), [1.0, 1.0])


def test_a_whole_image_of_one_class_or_of_none_has_no_boundary():
    metric = BoundaryF1(2, VOID)
    for label in (0, VOID):
        metric.update(np.full((4, 5), label, np.uint8), np.zeros((4, 5), np.uint8))
    assert np.isnan(metric.result()).all()


@pytest.mark.parametrize("tolerance", [0, -1, float("inf")])
def test_a_tolerance_must_be_above_0(tolerance):
    with pytest.raises(DataError, match="tolerance must be above 0"):
        BoundaryF1(2, None, tolerance)
