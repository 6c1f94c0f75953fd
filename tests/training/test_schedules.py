"""Learning rates by step."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import Part
from tf_image_segmentation.training.schedules import SCHEDULES, LearningRate, register_schedule


def rates(schedule, steps):
    return np.array([schedule(step).numpy() for step in steps])


def test_constant():
    schedule = LearningRate(1e-6, steps=100, schedule="constant")
    np.testing.assert_allclose(rates(schedule, [0, 1, 50, 99, 1000]), 1e-6, rtol=1e-6)
    assert schedule(0).dtype == tf.float32


def test_poly_is_the_published_formula():
    schedule = LearningRate(0.01, steps=200, schedule="poly")
    steps = [0, 1, 20, 100, 199]
    expected = [0.01 * (1 - step / 200) ** 0.9 for step in steps]
    np.testing.assert_allclose(rates(schedule, steps), expected, rtol=1e-5)
    assert rates(schedule, [200, 201, 5000]).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["constant", "poly", "cosine"])
def test_warm_up_climbs_in_a_line_and_then_changes_nothing(name):
    plain = LearningRate(0.1, steps=1000, schedule=name)
    warmed = LearningRate(0.1, steps=1000, schedule=name, warmup_steps=4)
    steps = [0, 1, 2, 3, 4, 500]
    shares = [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    np.testing.assert_allclose(rates(warmed, steps), rates(plain, steps) * shares, rtol=1e-5)


def test_it_works_in_a_function_and_in_an_optimizer():
    schedule = LearningRate(0.1, steps=10, schedule="poly", warmup_steps=2)
    compiled = tf.function(schedule, input_signature=[tf.TensorSpec([], tf.int64)])
    np.testing.assert_allclose(compiled(tf.constant(3, tf.int64)), schedule(3), rtol=1e-6)
    optimizer = keras.optimizers.SGD(schedule)
    variable = tf.Variable([0.0])
    optimizer.build([variable])
    for step in range(3):
        np.testing.assert_allclose(float(optimizer.learning_rate), schedule(step), rtol=1e-6)
        before = variable.numpy()
        optimizer.apply([tf.constant([1.0])], [variable])
        np.testing.assert_allclose(before - variable.numpy(), schedule(step), rtol=1e-5)


def test_cosine_is_the_published_formula():
    schedule = LearningRate(0.01, steps=200, schedule=Part("cosine", {"final": 0.1}))
    steps = [0, 1, 50, 100, 199, 200, 5000]
    expected = [
        0.001 + 0.009 * 0.5 * (1 + math.cos(math.pi * min(step, 200) / 200)) for step in steps
    ]
    np.testing.assert_allclose(rates(schedule, steps), expected, rtol=1e-5)
    assert rates(LearningRate(0.01, 200, "cosine"), [200])[0] < 1e-9


def test_the_power_of_poly_can_be_chosen():
    schedule = LearningRate(1.0, steps=4, schedule=Part("poly", {"power": 2.0}))
    np.testing.assert_allclose(rates(schedule, range(5)), [1, 9 / 16, 1 / 4, 1 / 16, 0])


def test_a_schedule_of_the_user():
    @register_schedule
    def halves(step, steps, every=10):
        return 0.5 ** tf.floor(step / every)

    schedule = LearningRate(1.0, steps=100, schedule=Part("halves", {"every": 5}), warmup_steps=2)
    np.testing.assert_allclose(rates(schedule, [0, 1, 4, 5, 10]), [0.5, 1, 1, 0.5, 0.25])
    SCHEDULES.remove_from(__name__)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("sine", r"unknown schedule 'sine'; choose from \['constant', 'cosine', 'poly'\]"),
        (Part("poly", {"exponent": 2}), "schedule 'poly' takes no exponent; it takes power"),
        (Part("poly", {"power": 0}), "power: expected float > 0.0, got 0"),
        (Part("cosine", {"final": 2}), "final: expected float <= 1.0, got 2"),
    ],
)
def test_a_wrong_schedule_is_refused(schedule, message):
    with pytest.raises(DataError, match=message):
        LearningRate(0.1, steps=10, schedule=schedule)
