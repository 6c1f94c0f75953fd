"""Focal, Dice and OHEM against slow forms, and every loss on two replicas against one device."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from two_cpus import run_on_two_cpus

from tf_image_segmentation.registry import Part
from tf_image_segmentation.training.losses.ohem import kth_largest
from tf_image_segmentation.training.losses.total import make_loss

VOID, CLASSES = 255, 4
WEIGHTS = (0.5, 2.0, 1.0, 3.0)


def random_case():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (2, 5, 7, CLASSES)).astype(np.float32)
    # Class 3 occurs nowhere.
    return logits, rng.choice(np.array([0, 1, 2, VOID], np.uint8), logits.shape[:3])


def slow_pixels(logits, labels):
    """Returns the softmax and the label of each labeled pixel, in double precision."""
    pixels = []
    for scores, label in zip(logits.reshape(-1, CLASSES), labels.ravel(), strict=True):
        if label != VOID:
            powers = [math.exp(float(score)) for score in scores]
            pixels.append(([power / sum(powers) for power in powers], int(label)))
    return pixels


def weighted(values_and_labels, weights):
    total = sum(value * weights[label] for value, label in values_and_labels)
    return total / sum(weights[label] for _, label in values_and_labels)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_focal_is_the_published_formula(gamma, weights):
    logits, labels = random_case()
    terms = [
        ((1 - p[label]) ** gamma * -math.log(p[label]), label)
        for p, label in slow_pixels(logits, labels)
    ]
    found = make_loss(Part("focal", {"gamma": gamma}), VOID, weights)(logits, labels)
    np.testing.assert_allclose(found, weighted(terms, weights or [1.0] * CLASSES), rtol=1e-5)


def test_focal_of_a_certain_pixel_has_finite_gradients():
    logits = tf.Variable([[[[100.0, 0.0]]]])
    with tf.GradientTape() as tape:
        loss = make_loss(Part("focal", {"gamma": 0.5}), VOID)(logits, tf.zeros([1, 1, 1], tf.int32))
    assert loss.numpy() == 0
    assert np.isfinite(tape.gradient(loss, logits)).all()


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_dice_is_the_mean_over_the_classes_that_occur(weights):
    logits, labels = random_case()
    pixels = slow_pixels(logits, labels)
    terms = []
    for c in range(3):
        overlap = sum(p[c] for p, label in pixels if label == c)
        size = sum(p[c] for p, _ in pixels) + sum(label == c for _, label in pixels)
        terms.append(1 - 2 * overlap / size)
    found = make_loss("dice", VOID, weights)(logits, labels)
    np.testing.assert_allclose(found, np.mean(terms), rtol=1e-5)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize(
    ("threshold", "min_kept"), [(0.7, 0.0), (0.2, 0.25), (1e-9, 0.5), (1e-9, 0.0), (1.0, 0.1)]
)
def test_ohem_keeps_hard_pixels_and_at_least_the_hardest(threshold, min_kept, weights):
    logits, labels = random_case()
    terms = sorted(((-math.log(p[label]), label) for p, label in slow_pixels(logits, labels)))[::-1]
    hard = sum(value >= -math.log(threshold) for value, _ in terms)
    kept = terms[: max(hard, math.ceil(min_kept * len(terms)), 1)]
    part = Part("ohem", {"threshold": threshold, "min_kept": min_kept})
    found = make_loss(part, VOID, weights)(logits, labels)
    np.testing.assert_allclose(found, weighted(kept, weights or [1.0] * CLASSES), rtol=1e-5)


def test_kth_largest_is_exact():
    rng = np.random.default_rng(0)
    values = (rng.random(1000) * 10.0 ** rng.integers(-30, 30, 1000)).astype(np.float32)
    values[:100] = values[100]
    values[200:300] = 0
    for k in (1, 2, 77, 500, 999, 1000):
        found = kth_largest(tf.constant(values), tf.constant(k, tf.int64), tf.identity)
        assert found.numpy() == np.sort(values)[::-1][k - 1]


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "dice", "ohem"])
def test_void_alone_gives_0_and_void_pixels_get_no_gradient(name):
    logits, labels = random_case()
    for masks in (labels, np.full_like(labels, VOID)):
        variable = tf.Variable(logits)
        with tf.GradientTape() as tape:
            loss = make_loss(name, VOID)(variable, masks)
        gradient = tape.gradient(loss, variable).numpy()
        assert not gradient[masks == VOID].any()
        assert (loss.numpy() == 0) == (masks == VOID).all()
        assert gradient.any() == (masks != VOID).any()


PROGRAM = """
from tf_image_segmentation.registry import Part
from tf_image_segmentation.training.losses.total import make_loss
from tf_image_segmentation.training.step import sum_over_replicas

rng = np.random.default_rng(0)
images = rng.normal(0, 3, (4, 5, 7, 6)).astype(np.float32)
labels = rng.choice(np.array([0, 1, 2, 255], np.uint8), (4, 5, 7))
labels[:2, :4] = 255  # replicas see different numbers of labeled pixels
kernel = rng.normal(size=(6, 4)).astype(np.float32)


def gradients(strategy, loss):
    with strategy.scope():
        variable = tf.Variable(kernel, aggregation=tf.VariableAggregation.SUM)

    def replica(images, labels):
        with tf.GradientTape() as tape:
            part = loss(tf.matmul(images, variable), labels, sum_over_replicas)
        return part, sum_over_replicas(tape.gradient(part, variable))

    @tf.function(autograph=False)
    def step(images, labels):
        part, gradient = strategy.run(replica, (images, labels))
        first = strategy.experimental_local_results(gradient)[0]
        return strategy.reduce("SUM", part, axis=None), first

    data = tf.data.Dataset.from_tensors((images, labels))
    return step(*next(iter(strategy.experimental_distribute_dataset(data))))


one, two = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
names = ["cross_entropy", "focal", "dice", "ohem", Part("ohem", {"threshold": 0.01})]
for parts in (*names, ["cross_entropy", Part("dice", {"weight": 0.5})]):
    loss = make_loss(parts, 255, (0.5, 2.0, 1.0, 3.0))
    expected, found = gradients(one, loss), gradients(two, loss)
    assert expected[0] > 0
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, err_msg=str(parts))
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-6, err_msg=str(parts))
"""


def test_the_parts_of_two_replicas_add_up_to_one_device():
    run_on_two_cpus(PROGRAM)
