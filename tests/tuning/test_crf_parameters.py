"""The parameter sets of a search."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.tuning import parameters as module


def drawn(name, sets):
    return np.array([getattr(parameters, name) for parameters in sets])


def test_the_network_alone_and_the_defaults_come_first():
    sets = module.draw_trials(module.RANGES, 3, 0)
    assert sets[module.WITHOUT_CRF] is None
    assert sets[module.DEFAULTS] == CrfParameters()


def test_random_sets_are_spread_by_logarithm_over_their_ranges():
    ranges = module.parse_ranges(["bilateral_sxy=1:100", "iterations=2:9"])
    sets = module.draw_trials(ranges, 2000, seed=0)[2:]
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
    for parameters in module.draw_trials(module.RANGES, 50, 0)[1:]:
        pairs = dict(option.split("=") for option in module.crf_options(parameters)[1:])
        assert max(map(len, pairs.values())) <= 5
        values = {name: float(text) for name, text in pairs.items()}
        assert values == asdict(parameters)
    exact = CrfParameters(gaussian_sxy=1.23456789, iterations=7)
    assert "gaussian_sxy=1.23456789" in module.crf_options(exact)
    assert "iterations=7" in module.crf_options(exact)


def test_random_sets_depend_on_the_seed_and_more_of_them_begin_with_the_same():
    few, many = (module.draw_trials(module.RANGES, count, 5) for count in (4, 9))
    assert many[:6] == few
    assert len(set(many)) == 11
    assert module.draw_trials(module.RANGES, 4, 6)[2:] != few[2:]


def test_the_order_of_options_does_not_matter():
    settings = ["bilateral_sxy=10:20", "gaussian_sxy=2:3"]
    one, other = (module.parse_ranges(order) for order in (settings, settings[::-1]))
    assert module.draw_trials(one, 5, 0) == module.draw_trials(other, 5, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("sigma=1:2", "--range sigma=1:2: no such parameter; choose from"),
        ("bilateral_sxy", "must be two numbers such as bilateral_sxy=10:80"),
        ("bilateral_sxy=20,40", "must be two numbers such as"),
        ("bilateral_sxy=20", "must be two numbers such as"),
        ("bilateral_sxy=40:20", "must be above 0, the lower number first"),
        ("gaussian_compat=0:3", "must be above 0"),
        ("bilateral_sxy=nan:20", "bilateral_sxy must be from 0.01 to 10000, got nan"),
        ("iterations=1:inf", "--range iterations=1:inf: "),
    ],
)
def test_ranges_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(DataError) as error:
        module.parse_ranges([settings])
    assert message in str(error.value)
