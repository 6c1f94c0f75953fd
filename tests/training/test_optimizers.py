"""The fused optimizers against those of Keras."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import Part
from tf_image_segmentation.training.optimizers import (
    OPTIMIZERS,
    FusedAdam,
    FusedMomentum,
    make_optimizer,
    register_optimizer,
    trained_variables,
)
from tf_image_segmentation.training.recipe import Recipe
from tf_image_segmentation.training.schedules import LearningRate

STEPS = 20
SHAPES = [(3, 3, 2, 4), (4,), (1, 1, 4, 2)]

PAIRS = {
    "adam": (FusedAdam, keras.optimizers.Adam, {}),
    "adam with other betas": (
        FusedAdam,
        keras.optimizers.Adam,
        {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3},
    ),
    "adam with clipping": (FusedAdam, keras.optimizers.Adam, {"global_clipnorm": 0.1}),
    "momentum": (FusedMomentum, keras.optimizers.SGD, {"momentum": 0.9}),
    "strong momentum": (FusedMomentum, keras.optimizers.SGD, {"momentum": 0.99}),
    "nesterov": (FusedMomentum, keras.optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    "no momentum": (FusedMomentum, keras.optimizers.SGD, {}),
}


def schedule():
    return LearningRate(0.05, steps=STEPS, schedule="poly", warmup_steps=5)


def gradients(step):
    rng = np.random.default_rng(step)
    # Of very different sizes, as in a real network; some exactly zero.
    return [
        tf.constant(
            (rng.normal(size=shape) * 10.0 ** rng.integers(-4, 2, shape)).astype("f") * keep
        )
        for shape, keep in zip(SHAPES, (1, 1, step % 2), strict=True)
    ]


def trajectory(optimizer, compiled):
    """Returns the variables after each of 20 steps."""
    variables = [tf.Variable(tf.ones(shape)) for shape in SHAPES]
    optimizer.build(variables)

    def update(*grads):
        optimizer.apply(list(grads), variables)

    run = tf.function(update) if compiled else update
    values = []
    for step in range(STEPS):
        run(*gradients(step))
        values.append(np.concatenate([variable.numpy().ravel() for variable in variables]))
    return np.array(values)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_equals_keras_over_20_steps_with_a_schedule(name, compiled):
    fused, plain, options = PAIRS[name]
    found = trajectory(fused(schedule(), **options), compiled)
    expected = trajectory(plain(schedule(), **options), compiled=False)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert np.all(np.isfinite(found))
    assert np.abs(found[-1] - 1.0).max() > 0.05


@pytest.mark.parametrize("name", ["adam", "momentum"])
def test_state_and_step_are_those_of_keras(name):
    fused, plain, options = PAIRS[name]
    pair = [fused(schedule(), **options), plain(schedule(), **options)]
    for optimizer in pair:
        trajectory(optimizer, compiled=True)
    assert int(pair[0].iterations) == STEPS
    assert [v.path.split("/", 1)[1:] for v in pair[0].variables] == [
        v.path.split("/", 1)[1:] for v in pair[1].variables
    ]
    for found, expected in zip(pair[0].variables, pair[1].variables, strict=True):
        # The kernel takes 1 - 0.999 in single precision, which is off by 1.3e-5 of it.
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=2e-5, atol=1e-6)


def test_amsgrad_is_refused():
    with pytest.raises(ValueError, match=r"no amsgrad; use keras\.optimizers\.Adam"):
        FusedAdam(0.1, amsgrad=True)


def named(*names):
    return {name: tf.Variable(tf.ones([2, 3]), name=name) for name in names}


def test_the_recipe_decides():
    variables = named("net/a/weights")
    momentum = make_optimizer(
        Recipe(
            steps=10,
            learning_rate=0.5,
            optimizer=Part("momentum", {"momentum": 0.99, "nesterov": True}),
            schedule="poly",
            warmup_steps=2,
        ),
        variables,
    )
    assert isinstance(momentum, FusedMomentum)
    assert (momentum.momentum, momentum.nesterov) == (0.99, True)
    assert float(momentum.learning_rate) == pytest.approx(0.25)
    adam = make_optimizer(Recipe(steps=10, learning_rate=1e-6), variables)
    assert type(adam) is FusedAdam
    assert float(adam.learning_rate) == pytest.approx(1e-6)
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.9, 0.999, 1e-7)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("sgd", r"unknown optimizer 'sgd'; choose from \['adam', 'adamw', 'momentum'\]"),
        (Part("adam", {"momentum": 1}), "optimizer 'adam' takes no momentum; it takes beta_1"),
        (Part("momentum", {"momentum": 2.0}), "momentum: expected float < 1.0, got 2.0"),
        (Part("adam", {"beta_1": 2}), r"optimizer 'adam': beta_1: expected float < 1\.0, got 2"),
        (Part("adam", {"epsilon": -1}), r"epsilon: expected float > 0\.0, got -1"),
        (Part("adamw", {"weight_decay": -1}), r"weight_decay: expected float >= 0\.0, got -1"),
    ],
)
def test_a_wrong_optimizer_is_refused(optimizer, message):
    with pytest.raises(DataError, match=message):
        make_optimizer(Recipe(optimizer=optimizer), named("net/a/weights"))


def test_an_optimizer_of_the_user():
    @register_optimizer
    def signs(learning_rate, beta=0.5):
        return keras.optimizers.Lion(learning_rate, beta_1=beta)

    recipe = Recipe(optimizer=Part("signs", {"beta": 0.7}), learning_rate=0.5)
    variables = named("net/a/weights")
    optimizer = make_optimizer(recipe, variables)
    OPTIMIZERS.remove_from(__name__)
    assert optimizer.beta_1 == 0.7
    optimizer.apply([tf.ones([2, 3])], list(variables.values()))
    np.testing.assert_allclose(variables["net/a/weights"], np.full([2, 3], 0.5))


NAMES = ("net/conv1/weights", "net/conv1/biases", "net/bn/gamma", "net/fc/weights")


@pytest.mark.parametrize("compiled", [False, True])
def test_adamw_equals_keras_and_decays_weights_alone(compiled):
    ours, theirs = named(*NAMES), named(*NAMES)
    recipe = Recipe(
        steps=STEPS,
        learning_rate=0.05,
        schedule="poly",
        optimizer=Part("adamw", {"weight_decay": 0.3, "beta_2": 0.99}),
    )
    optimizer = make_optimizer(recipe, ours)
    expected = keras.optimizers.AdamW(
        LearningRate(0.05, STEPS, "poly"), weight_decay=0.3, beta_2=0.99
    )
    expected.exclude_from_weight_decay(var_names=["biases", "gamma"])
    expected.build(list(theirs.values()))
    rng = np.random.default_rng(0)
    update = tf.function(optimizer.apply) if compiled else optimizer.apply
    for _ in range(STEPS):
        gradients = [tf.constant(rng.normal(size=(2, 3)), tf.float32) for _ in NAMES]
        update(gradients, list(ours.values()))
        expected.apply(gradients, list(theirs.values()))
    for name in NAMES:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "adamw", "momentum"])
def test_learning_rate_factors_scale_the_step(name):
    def steps(factors):
        variables = named(*NAMES)
        recipe = Recipe(optimizer=name, learning_rate=0.1, learning_rate_factors=factors)
        optimizer = make_optimizer(recipe, variables)
        optimizer.apply([tf.ones([2, 3])] * len(NAMES), list(variables.values()))
        return [1 - float(v[0, 0]) for v in variables.values()]

    plain = steps({})
    # The last pattern that matches counts.
    factors = {"*/conv1/*": 0.1, "*/biases": 0.5, "*/bn/*": 0.0}
    scaled = steps(factors)
    np.testing.assert_allclose(scaled, np.array(plain) * [0.1, 0.5, 0.0, 1.0], rtol=1e-3)


def test_frozen_variables_are_left_out():
    variables = named(*NAMES)
    assert trained_variables(variables, []) == variables
    left = trained_variables(variables, ["*/conv1/*", "*/gamma"])
    assert list(left) == ["net/fc/weights"]


def test_patterns_that_match_nothing_list_the_names():
    variables = named(*NAMES)
    message = r"frozen: no variable matches '\*/conv2/\*'; the variables are net/conv1/weights, "
    with pytest.raises(DataError, match=message):
        trained_variables(variables, ["*/conv2/*"])
    with pytest.raises(DataError, match="learning_rate_factors: no variable matches 'fc'; the"):
        make_optimizer(Recipe(learning_rate_factors={"fc": 2.0}), variables)
    with pytest.raises(DataError, match="leave no variable to train"):
        trained_variables(variables, ["*"])


def mirrored_trajectories():
    """Compares each pair on two logical CPUs; each replica has its own gradients."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    for name in ("adam", "momentum"):
        fused, plain, options = PAIRS[name]
        results = []
        for kind in (fused, plain):
            with strategy.scope():
                variables = [tf.Variable(tf.ones(shape)) for shape in SHAPES]
                optimizer = kind(schedule(), **options)
                optimizer.build(variables)

            @tf.function
            def update(*grads, optimizer=optimizer, variables=variables):
                def replica_update():
                    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
                    share = tf.cast(replica + 1, tf.float32) / 3.0
                    optimizer.apply([share * grad for grad in grads], variables)

                strategy.run(replica_update)

            for step in range(STEPS):
                update(*gradients(step))
            copies = [strategy.experimental_local_results(variable) for variable in variables]
            for first, second in copies:
                np.testing.assert_array_equal(first, second)
            results.append(np.concatenate([first.numpy().ravel() for first, _ in copies]))
        np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-6)
        # The shares of the replicas sum to the gradients of one device.
        expected = trajectory(plain(schedule(), **options), compiled=False)[-1]
        np.testing.assert_allclose(results[0], expected, rtol=1e-4, atol=1e-5)
    print("equal")


def test_equals_keras_on_two_devices():
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2]))
    process = subprocess.run(
        [sys.executable, __file__], env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.endswith("equal\n")


if __name__ == "__main__":
    mirrored_trajectories()
