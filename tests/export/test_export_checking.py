"""Figures of a check against counts by hand, and what is refused."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from thin_networks import random_images, thin_network

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.export import (
    FORMATS,
    Limits,
    describe_export,
    export_checked,
    export_saved_model,
)
from tf_image_segmentation.export.checking import TimedResults, compare
from tf_image_segmentation.export.pictures import sample_pictures
from tf_image_segmentation.models import fcn_8s

IMAGES = [random_images(40, 33)[0], random_images(64, 32)[0]]


def constant(labels, probability=0.5):
    labels = np.array(labels, np.uint8)
    return labels, np.full((*labels.shape, 2), probability, np.float32)


def test_figures_are_those_counted_by_hand():
    found = TimedResults([constant([[0, 1, 1]]), constant([[1], [1]], 0.25)], 7.0)
    network = TimedResults([constant([[0, 1, 0]]), constant([[1], [0]], 0.5)], 9.0)
    evaluated = TimedResults([constant([[0, 1, 0]]), constant([[0], [0]])], 9.0)
    check = compare(found, network, evaluated, num_bytes=11)
    assert dataclasses.asdict(check) == {
        "equal_labels": 100 * 3 / 5,
        "max_difference": 0.25,
        "as_evaluated": 100 * 2 / 5,
        "milliseconds": 7.0,
        "num_bytes": 11,
    }


def test_results_of_another_shape_are_wrong():
    network = TimedResults([constant(np.zeros((4, 4)))], 1.0)
    check = compare(TimedResults([constant(np.zeros((2, 2)))], 1.0), network, network)
    assert (check.equal_labels, check.max_difference) == (0.0, math.inf)


@pytest.mark.parametrize("difference", [0.02, math.nan, math.inf])
def test_probabilities_that_differ_are_a_fault_of_floating_point_alone(difference):
    network = TimedResults([constant([[0, 1]])], 1.0)
    found = TimedResults([constant([[0, 1]], 0.5 + difference)], 1.0)
    check = compare(found, network, network)
    assert "a probability is off by" in Limits().faults(check, quantized=False)[0]
    assert Limits().faults(check, quantized=True) == []


@pytest.mark.parametrize(
    ("limits", "quantized", "faults"),
    [
        (Limits(min_equal=50, min_equal_int8=100), False, 0),
        (Limits(min_equal=51, min_equal_int8=0), False, 1),
        (Limits(min_equal=100, min_equal_int8=50), True, 0),
        (Limits(min_equal=0, min_equal_int8=51), True, 1),
    ],
)
def test_each_kind_of_format_has_its_limit(limits, quantized, faults):
    network = TimedResults([constant([[0, 1]])], 1.0)
    check = compare(TimedResults([constant([[0, 0]])], 1.0), network, network)
    assert len(limits.faults(check, quantized)) == faults


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"min_equal": 101}, "0..100 percent, got 101"),
        ({"min_equal_int8": math.nan}, "nan .--min-equal-int8"),
        ({"max_difference": -1}, "must be 0..1, got -1"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits, message):
    with pytest.raises(DataError, match=message):
        Limits(**limits)


def test_what_predicts_something_else_is_not_exported(network, tmp_path, monkeypatch):
    other = thin_network(fcn_8s)
    other.variables_by_name["fcn_8s/vgg_16/fc8/biases"].assign_add([50.0, 0.0, 0.0, 0.0])
    wrong = dataclasses.replace(
        FORMATS["saved_model"], export=lambda _, *rest: export_saved_model(other, *rest)
    )
    monkeypatch.setitem(FORMATS, "saved_model", wrong)
    with pytest.raises(DataError) as error:
        export_checked(network, tmp_path / "out", ["saved_model"], IMAGES)
    assert "\n  saved_model: " in str(error.value)
    assert "of the labels are the network's, at least 99.9% must be" in str(error.value)
    assert not (tmp_path / "out").exists()


def test_figures_and_files_of_a_bfloat16_network(bfloat16_network, tmp_path):
    checks = export_checked(bfloat16_network, tmp_path, ["saved_model", "tflite"], IMAGES)
    assert list(checks) == ["network", "saved_model", "network in float32", "tflite"]
    assert checks["network"].as_evaluated == 100
    assert checks["saved_model"].as_evaluated >= 99.9
    assert checks["saved_model"].max_difference < 1e-3
    assert checks["tflite"].equal_labels >= 99.9
    assert checks["tflite"].as_evaluated == pytest.approx(
        checks["network in float32"].as_evaluated, abs=0.1
    )
    assert checks["network in float32"].max_difference > 1e-3
    assert checks["tflite"].num_bytes == (tmp_path / "model.tflite").stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.tflite", "saved_model"]


def test_a_saved_model_can_be_checked_in_float32(bfloat16_network, tmp_path):
    checks = export_checked(bfloat16_network, tmp_path, ["saved_model"], IMAGES, float32=True)
    in_float32 = checks["network in float32"]
    assert checks["saved_model"].as_evaluated == pytest.approx(in_float32.as_evaluated, abs=0.1)
    assert checks["saved_model"].max_difference < 1e-3 < in_float32.max_difference


def test_sample_pictures_are_photographs_of_three_sizes():
    pictures = sample_pictures()
    assert [picture.shape for picture in pictures] == [(512, 512, 3), (300, 451, 3), (400, 600, 3)]
    assert all(picture.dtype == np.uint8 and picture.std() > 20 for picture in pictures)


def test_metadata_say_what_values_are_expected(network, monkeypatch):
    plain = describe_export(network)
    assert (plain["intensity_range"], plain["input"][-8:]) == (None, "any size")
    monkeypatch.setattr(network, "intensity_range", (100.0, 4000.0))
    deep = describe_export(network)
    assert deep["intensity_range"] == [100.0, 4000.0]
    assert deep["input"].endswith("round(255 * (v - 100) / (4000 - 100)), clipped to 0..255")


def test_a_data_set_names_the_classes_that_a_checkpoint_does_not(network):
    info = DatasetInfo(
        "four", ("a", "b", "c", "d"), ((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)), 9
    )
    found = describe_export(network, "some.ckpt", info)
    assert (found["class_names"], found["ignore_label"]) == (["a", "b", "c", "d"], 9)
    assert (found["palette"][3], found["checkpoint"]) == ([3, 3, 3], "some.ckpt")
    with pytest.raises(DataError, match="has 4 classes; dataset 'two' has 2: a, b"):
        describe_export(network, None, DatasetInfo("two", ("a", "b"), ((0, 0, 0), (1, 1, 1))))
