"""Learning rates by step."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_image_segmentation.training.schedule import SCHEDULES, LearningRate


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


@pytest.mark.parametrize("name", SCHEDULES)
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


def test_its_configuration_rebuilds_it():
    schedule = LearningRate(0.1, steps=50, schedule="poly", warmup_steps=5)
    again = LearningRate.from_config(schedule.get_config())
    np.testing.assert_array_equal(rates(again, range(60)), rates(schedule, range(60)))


def test_an_unknown_schedule_is_refused():
    message = r"unknown schedule 'cosine'; choose from \('constant', 'poly'\)"
    with pytest.raises(ValueError, match=message):
        LearningRate(0.1, steps=10, schedule="cosine")
