"""Metrics by name: their values, the user's own, and what a list of them gives."""

from __future__ import annotations

import numpy as np
import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation import (
    ConfusionMatrix,
    ImageMetric,
)
from tf_image_segmentation.evaluation.metrics import (
    DEFAULT_METRICS,
    compute_metrics,
    image_metrics,
    parse_metrics,
    results_to_json,
    scalars,
)
from tf_image_segmentation.registry import Part

CLASSES, VOID = 5, 255


@pytest.fixture
def masks():
    """Class 3 is never predicted, class 4 neither there nor predicted."""
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 1, 2, 3, VOID], (2, 30, 40), p=[0.5, 0.2, 0.1, 0.1, 0.1])
    return labels, rng.integers(0, 3, labels.shape)


@pytest.fixture
def confusion(masks):
    matrix = ConfusionMatrix(CLASSES, VOID)
    matrix.update(*masks)
    return matrix


def slow_counts(labels, predictions):
    """For each class, pixels that are right, labeled and predicted, counted one by one."""
    counts = np.zeros((3, CLASSES))
    for label, prediction in zip(labels.ravel(), predictions.ravel(), strict=True):
        if label != VOID:
            counts[0, label] += label == prediction
            counts[1, label] += 1
            counts[2, prediction] += 1
    return counts


def test_metrics_by_class_are_their_definitions(masks, confusion):
    right, labeled, predicted = slow_counts(*masks)
    with np.errstate(invalid="ignore"):
        expected = {
            "iou": right / (labeled + predicted - right),
            "dice": 2 * right / (labeled + predicted),
            "precision": right / predicted,
            "recall": right / labeled,
            "accuracy": right / labeled,
        }
    found = compute_metrics([Part(name) for name in expected], confusion)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12)
    assert np.isnan(found["precision"][3]) and found["recall"][3] == 0
    assert np.isnan(found["dice"][4])


def test_single_metrics_are_those_of_the_confusion_matrix(confusion):
    metrics = confusion.metrics()
    found = compute_metrics(DEFAULT_METRICS, confusion)
    for name in ("mean_iou", "mean_pixel_accuracy", "pixel_accuracy", "frequency_weighted_iou"):
        assert found[name] == metrics[name]
    np.testing.assert_array_equal(found["iou"], metrics.per_class_iou)


def test_the_default_list_gives_the_keys_of_metrics_json(confusion):
    expected = confusion.metrics().to_json()
    found = results_to_json(compute_metrics(DEFAULT_METRICS, confusion))
    assert found.items() <= expected.items()
    assert set(expected) - set(found) == {"classes_in_mean_iou", "pixels", "ignored_pixels"}


def test_values_by_class_have_a_mean_unless_it_is_listed(confusion):
    found = compute_metrics([Part("dice"), Part("iou"), Part("mean_iou")], confusion)
    assert list(scalars(found)) == ["mean_dice", "mean_iou"]
    assert scalars(found)["mean_dice"] == pytest.approx(np.mean(found["dice"][:4]))
    assert scalars({"dice": np.full(3, np.nan)})["mean_dice"] != 0  # NaN, without a warning


def test_a_metric_of_the_user_is_chosen_by_its_name(registered, confusion):
    @registered
    def labeled_pixels(confusion, factor=1.0):
        return factor * confusion.matrix.sum()

    parts = parse_metrics([{"name": "labeled_pixels", "factor": 0.5}])
    total = confusion.matrix.sum()
    assert compute_metrics(parts, confusion) == {"labeled_pixels": 0.5 * total}


class Disagreement(ImageMetric):
    """Share of images that are not right as a whole."""

    def __init__(self, num_classes, ignore_label, limit=0):
        super().__init__(num_classes, ignore_label)
        self.counts, self.limit = np.zeros(2, np.int64), limit

    def update(self, labels, predictions):
        self.counts += [np.sum(labels != predictions) > self.limit, 1]

    def result(self):
        return self.counts[0] / self.counts[1]


def test_a_metric_of_images_counts_images_and_workers_add_up(registered, confusion):
    registered(name="disagreement")(Disagreement)
    parts = parse_metrics(["mean_iou", {"name": "disagreement", "limit": 1}])
    workers = [image_metrics(parts, CLASSES, VOID) for _ in range(2)]
    for number, wrong in enumerate((0, 1, 2, 3, 4)):
        labels = np.zeros((3, 3), int)
        predictions = labels.copy()
        predictions.ravel()[:wrong] = 1
        workers[number % 2]["disagreement"].update(labels, predictions)
    total = image_metrics(parts, CLASSES, VOID)
    total["disagreement"].counts = sum(each["disagreement"].counts for each in workers)
    assert compute_metrics(parts, confusion, total)["disagreement"] == 3 / 5
    with pytest.raises(DataError, match=r"'disagreement' needs images.*choose another"):
        compute_metrics(parts, confusion)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["kappa"], "unknown metric 'kappa'; choose from .*'mean_iou'"),
        ([{"name": "dice", "smooth": 1}], "'dice' takes no smooth"),
        ([{"name": "dice", "confusion": 1}], "'dice' takes no confusion"),
        ([{"name": "boundary_f1", "num_classes": 1}], "'boundary_f1' takes no num_classes"),
        (["iou", "iou"], "'iou' is listed twice"),
        ([7], "must be a name or a table"),
    ],
)
def test_wrong_lists_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        parse_metrics(values)


def test_a_metric_that_returns_something_else_is_named(registered, confusion):
    @registered
    def wrong(confusion):
        return np.zeros(3)

    with pytest.raises(DataError, match=r"'wrong' must return a float or one a class \(5\)"):
        compute_metrics(parse_metrics(["wrong"]), confusion)


def test_nothing_labeled_is_an_error():  # fault 59
    with pytest.raises(DataError, match="no labeled pixels"):
        compute_metrics(DEFAULT_METRICS, ConfusionMatrix(CLASSES, VOID))
