"""The contestants of the benchmark count the same, of label maps such as evaluations have."""

from __future__ import annotations

import importlib

import numpy as np
import pytest


@pytest.fixture
def evaluation(repository, monkeypatch):
    monkeypatch.syspath_prepend(repository / "benchmarks")
    return importlib.import_module("evaluation")


@pytest.fixture
def label_maps(evaluation):
    rng = np.random.default_rng(0)
    return [evaluation.make_label_map(rng) for _ in range(3)]


def test_label_maps_are_those_of_voc_and_mostly_right(evaluation, label_maps):
    for labels, predictions in label_maps:
        assert labels.dtype == predictions.dtype == np.uint8
        assert labels.shape == predictions.shape
        assert {0, 255} < set(np.unique(labels)) <= {*range(21), 255}
        assert predictions.max() < 21
        right = (labels == predictions)[labels != 255].mean()
        assert abs(right - evaluation.RIGHT) < 0.02


def test_all_contestants_count_the_same(evaluation, label_maps):
    variants = evaluation.choose_variants(skip=[], torch_threads=1)
    assert len(variants) >= 3
    expected, _ = variants["ours"](label_maps)
    assert expected.sum() == sum(np.count_nonzero(labels != 255) for labels, _ in label_maps)
    for name, count in variants.items():
        matrix, turn = count(label_maps)
        np.testing.assert_array_equal(matrix, expected, err_msg=name)
        assert turn.seconds > 0
