"""Scores of single images, and which of them are kept."""

from __future__ import annotations

import gc
import random

import numpy as np
import pytest
from small_records import INFO

from tf_image_segmentation.evaluation.evaluate import Prediction
from tf_image_segmentation.reports.image_scores import ImageScores, ScoredImage

SIDE = 10


def prediction(image_id: str, wrong: int, mask: np.ndarray | None = None) -> Prediction:
    """One whose first ``wrong`` pixels are of class 1 instead of 0."""
    mask = np.zeros((SIDE, SIDE), np.uint8) if mask is None else mask
    labels = np.zeros_like(mask)
    labels.flat[:wrong] = 1
    return Prediction(image_id, np.zeros((*mask.shape, 3), np.uint8), mask, labels, labels)


def scores_of(predictions, num_shown):
    scores = ImageScores(INFO, num_shown)
    for each in predictions:
        scores.update(each)
    return scores


def ids(images):
    return [image.image_id for image in images]


def slow_iou(mask, labels):
    """Mean over the classes that occur in truth or prediction, among labeled pixels."""
    pairs = [(t, p) for t, p in zip(mask.flat, labels.flat, strict=True) if t != 255]
    ious = []
    for label in range(3):
        inter = sum(t == p == label for t, p in pairs)
        union = sum(label in pair for pair in pairs)
        if union:
            ious.append(inter / union)
    return np.mean(ious)


def test_the_iou_of_an_image_is_over_the_classes_in_it():
    rng = np.random.default_rng(0)
    predictions = []
    for number in range(6):
        mask = rng.choice(np.array([0, 1, 2, 255], np.uint8)[number % 2 :], (7, 9))
        labels = rng.integers(0, 3 - number % 2, mask.shape).astype(np.uint8)
        predictions.append(
            Prediction(str(number), np.zeros((7, 9, 3), np.uint8), mask, labels, labels)
        )
    found = scores_of(predictions, 0)
    expected = [slow_iou(p.mask, p.labels) for p in predictions]
    np.testing.assert_allclose(found.ious, expected, rtol=1e-12)
    assert found.ious_before == []
    # Two of three classes: half of one is right, and class 1 is in the prediction alone.
    assert scores_of([prediction("half", 50)], 0).ious == [0.25]


def test_the_best_and_the_worst_are_kept_whatever_the_order():
    shuffled = [prediction(f"wrong{number:02}", number) for number in range(30)]
    random.Random(0).shuffle(shuffled)
    best, worst = scores_of(shuffled, 3).shown()
    assert ids(best) == ["wrong00", "wrong01", "wrong02"]
    assert ids(worst) == ["wrong29", "wrong28", "wrong27"]
    assert [image.iou for image in best] == sorted((i.iou for i in best), reverse=True)


@pytest.mark.parametrize("seed", range(3))
def test_equal_scores_are_ordered_by_id(seed):
    same = [prediction(name, 10) for name in "abcdefg"]
    random.Random(seed).shuffle(same)
    best, worst = scores_of(same, 2).shown()
    assert (ids(best), ids(worst)) == (["a", "b"], ["g", "f"])


@pytest.mark.parametrize("count", range(6))
def test_no_image_is_shown_twice(count):
    best, worst = scores_of([prediction(str(n), n) for n in range(count)], 4).shown()
    assert ids(best) + ids(worst)[::-1] == [str(n) for n in range(count)]


def test_few_pictures_are_held_however_many_images_come():
    def held():
        gc.collect()
        return sum(isinstance(each, ScoredImage) for each in gc.get_objects())

    before, scores = held(), ImageScores(INFO, 2)
    for number in range(40):  # each better than all before it
        scores.update(prediction(f"{number:02}", 50 - number))
    assert held() - before == 4
    best, worst = scores.shown()
    assert (ids(best), ids(worst)) == (["39", "38"], ["00", "01"])


def test_no_pictures_are_made_when_none_are_wanted(monkeypatch):
    monkeypatch.setattr("tf_image_segmentation.reports.image_scores.photo", None)
    scores = scores_of([prediction("a", 1), prediction("b", 2)], 0)
    assert (len(scores.ious), scores.shown()) == (2, ([], []))


def test_an_image_without_labels_has_no_score():
    void = prediction("void", 5, np.full((SIDE, SIDE), 255, np.uint8))
    scores = scores_of([void, prediction("right", 0)], 5)
    assert (scores.ious, scores.unlabeled) == ([1.0], 1)
    assert [ids(images) for images in scores.shown()] == [["right"], []]


def test_what_is_known_of_a_shown_image():
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:2] = 255
    ((image,), _) = scores_of([prediction("a", 30, mask)], 1).shown()
    assert list(image.pictures) == ["image", "truth", "prediction"]
    assert image.has_ignored
    assert image.class_ious == pytest.approx({0: 70 / 80, 1: 0.0})
    mask[:3] = 255  # now class 1 is predicted on ignored pixels only
    ((image,), _) = scores_of([prediction("b", 30, mask)], 1).shown()
    assert image.class_ious == pytest.approx({0: 1.0, 1: np.nan}, nan_ok=True)


def test_with_a_crf_the_refined_labels_count_and_both_are_shown():
    plain = prediction("a", 40)
    refined = np.zeros_like(plain.labels)
    scores = scores_of([plain._replace(refined=refined)], 1)
    assert scores.ious == [1.0]
    assert scores.ious_before == [pytest.approx(0.3)]
    ((image,), _) = scores.shown()
    assert list(image.pictures) == ["image", "truth", "before the CRF", "after the CRF"]
    assert list(image.class_ious) == [0, 1]  # class 1 is in the picture before the CRF
