"""Any number of workers refines to the same probabilities, of images such as evaluations have."""

from __future__ import annotations

import hashlib
import importlib
import sys
from functools import partial

import numpy as np
import pytest

from tf_image_segmentation.inference.crf import CrfParameters, refine, refine_pair
from tf_image_segmentation.models import Network, fcn_32s


@pytest.fixture
def crf_workers(repository, monkeypatch):
    monkeypatch.syspath_prepend(repository / "benchmarks")
    return importlib.import_module("crf_workers")


@pytest.fixture
def pairs(crf_workers, monkeypatch):
    """Small ones, because the dense CRF takes its time."""
    monkeypatch.setattr(crf_workers, "HEIGHT", 30)
    monkeypatch.setattr(crf_workers, "WIDTH", 40)
    rng = np.random.default_rng(0)
    return [crf_workers.make_pair(rng) for _ in range(3)]


def test_images_and_probabilities_are_such_as_the_crf_takes(crf_workers, pairs):
    for image, probabilities in pairs:
        assert image.dtype == np.uint8 and image.shape == (30, 40, 3)
        assert len(np.unique(image)) > 50
        assert probabilities.dtype == np.float32 and probabilities.shape == (30, 40, 21)
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-5)
        assert len(np.unique(probabilities.argmax(axis=-1))) > 5
    assert not np.array_equal(pairs[0][0], pairs[1][0])


def test_any_number_of_workers_gives_what_refining_one_by_one_gives(
    crf_workers, pairs, tmp_path, capsys
):
    pytest.importorskip("pydensecrf")
    one_by_one = [refine(*pair) for pair in pairs]
    expected = hashlib.sha256(b"".join(refined.tobytes() for refined in one_by_one)).hexdigest()
    passed = partial(refine_pair, parameters=CrfParameters())
    for workers in (1, 2):
        checksum, turn = crf_workers.refine_all(pairs, passed, workers)
        assert checksum == expected
        assert turn.seconds > 0 and turn.cpu_seconds > 0
    turns = crf_workers.run(pairs, [1, 2], 2, tmp_path)
    assert list(turns) == ["passed, 1", "passed, 2", "files, 1", "files, 2"]
    assert all(len(taken) == 2 for taken in turns.values())
    for task, refined in zip(crf_workers.store_pairs(pairs, tmp_path), one_by_one, strict=True):
        differing = crf_workers.refine_file(task) != refined.argmax(axis=-1)
        assert np.count_nonzero(differing) < 5  # the files have half the digits


def test_results_that_differ_end_the_program(crf_workers, pairs, tmp_path, monkeypatch):
    pytest.importorskip("pydensecrf")
    results = iter(range(100))
    monkeypatch.setattr(crf_workers, "refine_file", lambda task: np.array(next(results)))
    with pytest.raises(SystemExit) as end:
        crf_workers.run(pairs, [1], 2, tmp_path)
    assert str(end.value) == "error: files: results differ between numbers of workers"


def test_pairs_of_a_network_are_its_predictions(crf_workers, tmp_path):
    from small_records import examples, write_records

    records = write_records(tmp_path, {"val": examples(3)}, num_shards=1)
    Network(fcn_32s, num_classes=3, width_multiplier=0.05).save(tmp_path / "model")
    pairs = crf_workers.predicted_pairs(tmp_path / "model", records, "val", 2)
    assert len(pairs) == 2
    for (image, probabilities), (expected, mask) in zip(pairs, examples(3), strict=False):
        np.testing.assert_array_equal(image, expected)
        assert probabilities.shape == (*mask.shape, 3)


def test_bad_options_are_refused_at_once(crf_workers, monkeypatch, capsys):
    for options, message in (
        (["--workers", "0"], "must be at least 1"),
        (["--checkpoint", "model"], "go together"),
    ):
        monkeypatch.setattr(sys, "argv", ["crf_workers.py", *options])
        with pytest.raises(SystemExit):
            crf_workers.parse_arguments()
        assert message in capsys.readouterr().err.splitlines()[-1]
