"""scripts/evaluate.py --report, as a user runs it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import tensorflow as tf
from small_records import examples, write_records

from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.inference.predict import predict_labels
from tf_image_segmentation.models import Network, fcn_32s

CONFIG = {"model": "fcn_32s", "recipe": {"steps": 7, "flip": True}}


@pytest.fixture(scope="module")
def pairs():
    return examples(3)


@pytest.fixture(scope="module")
def records(tmp_path_factory, pairs):
    return write_records(tmp_path_factory.mktemp("records"), {"val": pairs}, num_shards=1)


@pytest.fixture(scope="module")
def network():
    tf.random.set_seed(4)
    return Network(fcn_32s, num_classes=3, width_multiplier=0.05)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, network):
    """The folder of a training run, as far as an evaluation looks at it."""
    folder = tmp_path_factory.mktemp("run")
    network.save(folder / "model" / "best" / "model-7")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


@pytest.fixture
def evaluate(run_script, run_folder, records):
    def run(*options, checkpoint=run_folder / "model" / "best"):
        arguments = "--checkpoint", checkpoint, "--tfrecords", records, *options
        return run_script("evaluate.py", *arguments)

    return run


def rows(page):
    """The text of the cells of each row of a table."""
    found = []

    class Rows(HTMLParser):
        cell = False

        def handle_starttag(self, tag, attributes):
            self.cell = tag in ("td", "th") or (self.cell and tag in ("span", "code"))
            if tag == "tr":
                found.append([])
            elif tag in ("td", "th"):
                found[-1].append("")

        def handle_data(self, data):
            if self.cell:
                found[-1][-1] += data.strip()

    Rows().feed(page)
    return found


def mean_iou(network, pairs, **options):
    counts = np.zeros((3, 3))
    for image, mask in pairs:
        labeled = mask != 255
        labels = predict_labels(network, image, **options)
        np.add.at(counts, (mask[labeled], labels[labeled]), 1)
    right = np.diag(counts)
    union = counts.sum(axis=1) + counts.sum(axis=0) - right
    return f"{100 * np.mean(right[union > 0] / union[union > 0]):.2f}"


def test_the_report_of_a_run(evaluate, network, pairs, records, run_folder, tmp_path):
    path = tmp_path / "new" / "report.html"
    result = evaluate("--report", path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith(f"wrote {path}\n")
    page = path.read_text()
    found = {cells[0]: cells[1:] for cells in rows(page)}
    assert found["fcn_32s"][0] == mean_iou(network, pairs)
    assert found["tfrecords"] == [str(records)]
    assert (found["images"], found["fit"], found["crf"]) == (["3"], ["pad"], ["null"])
    assert found["recipe.steps"] == ["7"]
    assert f"Training, {run_folder / 'config.json'}" in page
    assert re.search(r"python 3\.\d+\.\d+, .*tensorflow 2\.\d+", page)
    assert page.count("image/jpeg") == 3  # each image once


def test_a_crf_has_its_parameters_and_both_results_in_the_report(
    evaluate, network, pairs, tmp_path
):
    pytest.importorskip("pydensecrf")
    options = ["--crf", "bilateral_sxy=5", "iterations=2", "--workers", 1]
    options += ["--report", tmp_path / "report.html", "--report-images", 1]
    result = evaluate(*options, "--output-dir", tmp_path)
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "report.html").read_text()
    found = {cells[0]: cells[1:] for cells in rows(page)}
    crf = CrfParameters(bilateral_sxy=5.0, iterations=2)
    assert found["fcn_32s"][0] == mean_iou(network, pairs)
    assert found["fcn_32s + CRF"][0] == mean_iou(network, pairs, crf=crf)
    assert (found["crf.bilateral_sxy"], found["crf.gaussian_sxy"]) == (["5.0"], ["3.0"])
    assert page.count("image/jpeg") == 2  # the best and the worst
    stored = json.loads((tmp_path / "metrics.json").read_text())
    assert f"{100 * stored['metrics']['mean_iou']:.2f}" == found["fcn_32s + CRF"][0]
    assert stored["crf"] == ["bilateral_sxy=5", "iterations=2"]


def test_a_checkpoint_without_a_run(evaluate, network, tmp_path):
    network.save(tmp_path / "alone")
    result = evaluate("--report", tmp_path / "report.html", checkpoint=tmp_path / "alone")
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "report.html").read_text()
    assert "Evaluation" in page
    assert "config.json" not in page


def test_without_the_option_there_is_no_report(evaluate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert evaluate().returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_refused_before_anything_is_evaluated(
    evaluate, tmp_path, monkeypatch
):
    monkeypatch.setattr("tf_image_segmentation.evaluation.evaluate.evaluate", None)
    (tmp_path / "file").write_text("precious")
    for options, message in (
        (["--report", tmp_path], f"{tmp_path}: is not a file; name another file with --report"),
        (["--report", tmp_path / "file" / "a.html"], "file/a.html: cannot be written (File exists"),
        (["--report-images", -1], "--report-images must be at least 0, got -1"),
    ):
        result = evaluate(*options)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.startswith("error: ") and message in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_damaged_config_of_the_run_is_named(evaluate, network, tmp_path):
    network.save(tmp_path / "model" / "best" / "model-1")
    (tmp_path / "config.json").write_text("{")
    checkpoint = tmp_path / "model" / "best"
    result = evaluate("--report", tmp_path / "report.html", checkpoint=checkpoint)
    assert result.returncode == 1
    assert f"error: {tmp_path / 'config.json'}: Input data was truncated" in result.stderr
    assert not (tmp_path / "report.html").exists()


def test_an_interrupted_evaluation_leaves_an_older_report(evaluate, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("older")

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("tf_image_segmentation.evaluation.evaluate.evaluate", interrupted)
    assert evaluate("--report", path).returncode == 130
    assert path.read_text() == "older"
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
