"""The contestants of the benchmark do the same work: a comparison of speed is fair only then."""

from __future__ import annotations

import argparse
import sys
from types import SimpleNamespace

import numpy as np
import pytest

BATCH_SIZE, SIZE = 2, 64


@pytest.fixture
def modules(repository, monkeypatch):
    """The benchmark's modules by their short names, imported from where scripts find them."""
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import training_step
    import training_step_classic
    import training_step_ours
    import training_step_problem

    return SimpleNamespace(
        table=training_step,
        classic=training_step_classic,
        ours=training_step_ours,
        problem=training_step_problem,
    )


@pytest.fixture
def problem(modules):
    return modules.problem.Problem(BATCH_SIZE, SIZE, width=0.05, keep_prob=1.0, learning_rate=1e-3)


def test_classic_and_ours_have_the_same_losses_step_by_step(modules, problem):
    classic = modules.classic.make_step(problem, "float32")
    ours = modules.ours.make_step(problem, "float32")
    expected = [classic() for _ in range(4)]
    assert abs(expected[0] - expected[-1]) > 0.05 * expected[0]
    np.testing.assert_allclose([ours() for _ in range(4)], expected, rtol=1e-4)


def test_torch_and_ours_score_the_same(modules, problem):
    torch = pytest.importorskip("torch")
    import training_step_torch

    images, _ = problem.batch()
    ours = modules.ours.make_network(problem, "float32").end_points(images)
    expected = ours["fcn_32s/vgg_16/fc8"].numpy()
    with torch.no_grad():
        network = training_step_torch.Network(problem)
        scores = network.scores(torch.from_numpy(images).permute(0, 3, 1, 2))
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(
        scores.permute(0, 2, 3, 1).numpy(), expected, atol=1e-4 * np.ptp(expected)
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_torch_learns(modules, problem, dtype):
    pytest.importorskip("torch")
    import training_step_torch

    step = training_step_torch.make_step(problem, dtype)
    losses = [step() for _ in range(4)]
    assert losses[-1] < 0.95 * losses[0]


def test_flop_of_a_step(modules):
    problem = modules.problem.Problem()
    # 13 convolutions of 224 x 224 images take 15.35e9 multiplications (VGG-16 less its head).
    convolutions = 2 * 15.347e9 * (384 / 224) ** 2
    head = 2 * 12**2 * 4096 * (49 * 512 + 4096 + 21)
    first = 2 * 384**2 * 27 * 64
    assert problem.flop() == pytest.approx(3 * (convolutions + head) - first, rel=1e-3)
    assert modules.problem.Problem(batch_size=4).flop() == 4 * problem.flop()


def test_table_of_known_times(modules):
    table = modules.table
    args = argparse.Namespace(batch_sizes=[1], size=SIZE, width=1.0)
    results = {
        0: {"peak-torch-float32": table.Measured([[0.5, 0.4], [0.6, 0.5]])},
        1: {
            "classic": table.Measured([[2.0, 2.2], [4.0, 4.4]], peak_mb=10),
            "ours-float32": table.Measured([[1.0, 1.1], [1.0, 1.1]], peak_mb=20),
        },
    }
    _, ours = table.step_rows(results, args)
    speed = modules.problem.Problem(1, SIZE).flop() / 1.05
    share = speed / (table.PEAK_FLOP / 0.4)
    assert ours == [
        *("1", "ours-float32", "1.050", "1.000", "1.100", "2.95 [2.00 4.00]", "-"),
        *(f"{speed / 1e9:.0f}", f"{share:.0%}", "20"),
    ]


def test_bad_options_are_refused_at_once(modules, monkeypatch, capsys):
    for options in (["--size", "100"], ["--rounds", "0"], ["--warmup", "-1"]):
        monkeypatch.setattr(sys, "argv", ["training_step.py", *options])
        with pytest.raises(SystemExit):
            modules.table.parse_arguments()
        assert options[0] in capsys.readouterr().err.splitlines()[-1]
