"""The parameter sets of a search."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.tuning import trials


def drawn(name, sets):
    return np.array([getattr(parameters, name) for parameters in sets])


def test_the_network_alone_and_the_defaults_come_first():
    for sets in (trials.random_trials(trials.RANGES, 3, 0), trials.grid_trials(trials.VALUES)):
        assert sets[trials.WITHOUT_CRF] is None
        assert sets[trials.DEFAULTS] == CrfParameters()


def test_random_sets_are_spread_by_logarithm_over_their_ranges():
    ranges = trials.parse_ranges(["bilateral_sxy=1:100", "iterations=2:9"])
    sets = trials.random_trials(ranges, 2000, seed=0)[2:]
    assert len(sets) == 2000
    for name, (low, high) in ranges.items():
        assert low <= drawn(name, sets).min() and drawn(name, sets).max() <= high
    positions = drawn("bilateral_sxy", sets)
    # A tenth to a hundred is two decades: half of the draws are in each.
    assert abs(np.mean(positions < 10) - 0.5) < 0.04
    assert abs(np.mean(positions < np.sqrt(10)) - 0.25) < 0.04
    assert set(drawn("iterations", sets)) == set(range(2, 10))
    assert all(type(parameters.iterations) is int for parameters in sets)
    assert abs(np.corrcoef(positions, drawn("bilateral_srgb", sets))[0, 1]) < 0.1


def test_what_is_tried_is_what_is_shown():
    for parameters in trials.random_trials(trials.RANGES, 50, 0)[1:]:
        pairs = dict(option.split("=") for option in trials.options(parameters))
        assert max(map(len, pairs.values())) <= 5
        values = {name: float(text) for name, text in pairs.items()}
        assert values == asdict(parameters)
    exact = CrfParameters(gaussian_sxy=1.23456789, iterations=7)
    assert "gaussian_sxy=1.23456789" in trials.options(exact)
    assert "iterations=7" in trials.options(exact)


def test_random_sets_depend_on_the_seed_and_more_of_them_begin_with_the_same():
    few, many = (trials.random_trials(trials.RANGES, count, 5) for count in (4, 9))
    assert many[:6] == few
    assert len(set(many)) == 11
    assert trials.random_trials(trials.RANGES, 4, 6)[2:] != few[2:]


def test_the_order_of_options_does_not_matter():
    settings = ["bilateral_sxy=10:20", "gaussian_sxy=2:3"]
    one, other = (trials.parse_ranges(order) for order in (settings, settings[::-1]))
    assert trials.random_trials(one, 5, 0) == trials.random_trials(other, 5, 0)


def test_a_grid_has_every_combination_once():
    settings = "gaussian_sxy=3 gaussian_compat=0,3 bilateral_sxy=20,80 bilateral_srgb=13"
    settings += " bilateral_compat=10 iterations=5,7"
    values = trials.parse_values(settings.split())
    sets = trials.grid_trials(values)
    expected = {
        (3, compat, sxy, 13, 10, iterations)
        for compat in (0, 3)
        for sxy in (20, 80)
        for iterations in (5, 7)
    }
    assert {tuple(asdict(parameters).values()) for parameters in sets[1:]} == expected
    assert len(sets) == 1 + 8  # the defaults are in the grid, and are tried once


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("sigma=1:2", "--range sigma=1:2: no such parameter; there are"),
        ("bilateral_sxy", "'' are not numbers; write bilateral_sxy=10:80"),
        ("bilateral_sxy=20,40", "'20,40' are not numbers"),
        ("bilateral_sxy=20", "must be two numbers above 0, the lower one first"),
        ("bilateral_sxy=40:20", "must be two numbers above 0, the lower one first"),
        ("gaussian_compat=0:3", "must be two numbers above 0"),
        ("bilateral_sxy=nan:20", "bilateral_sxy must be from 0.01 to 10000, got nan"),
        ("iterations=1.5:3", "iterations must be whole numbers"),
        ("iterations=1:inf", "--range iterations=1:inf: "),
    ],
)
def test_ranges_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(DataError) as error:
        trials.parse_ranges([settings])
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("bilateral_sxy=20:40", "--values bilateral_sxy=20:40: '20:40' are not numbers; write"),
        ("bilateral_sxy=20,0", "bilateral_sxy must be from 0.01 to 10000, got 0"),
    ],
)
def test_values_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(DataError) as error:
        trials.parse_values([settings])
    assert message in str(error.value)
