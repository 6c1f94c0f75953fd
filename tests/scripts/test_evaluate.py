"""scripts/evaluate.py, as a user runs it."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from small_records import (
    INFO,
    example,
    examples,
    write_classic_records,
    write_records,
)
from thin_networks import thin_network

from tf_image_segmentation.datasets import DatasetInfo
from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.inference.predict import predict_labels
from tf_image_segmentation.models import Network, fcn_16s
from tf_image_segmentation.tfrecords import read_examples


@pytest.fixture(scope="module")
def pairs():
    return [*examples(3), example(1, 70, seed=8), example(45, 1, seed=9)]  # fault 8


@pytest.fixture(scope="module")
def records(tmp_path_factory, pairs):
    return write_records(tmp_path_factory.mktemp("evaluate"), {"val": pairs}, num_shards=2)


@pytest.fixture(scope="module")
def network():
    return thin_network(fcn_16s, 3, seed=2, skips=1.0, side=128)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, network):
    path = tmp_path_factory.mktemp("model") / "best" / "model.ckpt"
    network.save(path)
    return path


def test_other_classes_of_the_same_number_are_refused(evaluate, network, records, tmp_path):
    cities = DatasetInfo("cities", ("road", "car", "sky"), ((0, 0, 0),) * 3)
    network.save(tmp_path / "cities", {"dataset": cities.to_json()})
    error = evaluate("--checkpoint", tmp_path / "cities", "--tfrecords", records)
    assert "the checkpoint has 3 classes: road, car, sky; dataset 'small' has 3: back" in error


@pytest.fixture
def evaluate(repository, monkeypatch):
    """Runs the script in this process; returns what it exits with: None, or the error."""

    def run(*arguments):
        script = str(repository / "scripts" / "evaluate.py")
        monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(script, run_name="__main__")
        return end.value.code

    before = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, before)


def numpy_metrics(network, pairs, **options):
    counts = np.zeros((3, 3), np.int64)
    for image, mask in pairs:
        predicted = predict_labels(network, image, **options)
        for true in range(3):
            for guess in range(3):
                counts[true, guess] += np.sum((mask == true) & (predicted == guess))
    right, true, guessed = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    iou = right / (true + guessed - right)
    return counts, {
        "mean_iou": iou.mean(),
        "mean_pixel_accuracy": (right / true).mean(),
        "pixel_accuracy": right.sum() / counts.sum(),
        "frequency_weighted_iou": (true * iou).sum() / counts.sum(),
        "per_class_iou": iou,
        "per_class_accuracy": right / true,
        "per_class_dice": 2 * right / (true + guessed),
        "per_class_precision": np.where(guessed > 0, right / np.maximum(guessed, 1), np.nan),
        "per_class_recall": right / true,
        "mean_dice": (2 * right / (true + guessed)).mean(),
    }


@pytest.mark.parametrize("fit", ["pad", "resize"])
def test_metrics_equal_an_independent_computation(  # faults 8, 60
    evaluate, network, checkpoint, records, pairs, tmp_path, capsys, fit
):
    output = tmp_path / "new" / "report"
    options = ["--checkpoint", checkpoint, "--tfrecords", records, "--output-dir", output]
    assert evaluate(*options, "--fit", fit, "--model", "fcn_16s") is None
    found = json.loads((output / "metrics.json").read_text())
    counts, expected = numpy_metrics(network, pairs, fit=fit)
    assert np.count_nonzero(counts) > 3  # else any two networks would be equal
    assert found["confusion_matrix"] == counts.tolist()
    for name, value in expected.items():
        measured = np.array(found["metrics"][name], float)  # null is NaN
        np.testing.assert_allclose(measured, value, rtol=1e-12, err_msg=name)
    assert found["metrics"]["ignored_pixels"] == sum(np.sum(mask == 255) for _, mask in pairs)
    assert found["metrics"]["classes_in_mean_iou"] == 3
    facts = {"model": "fcn_16s", "fit": fit, "images": 5, "split": "val", "dataset": "small"}
    assert {name: found[name] for name in facts} == facts
    assert found["class_names"] == list(INFO.class_names)
    table = capsys.readouterr().out
    assert f"{100 * expected['mean_iou']:.2f}" in table
    for name, iou in zip(INFO.class_names, expected["per_class_iou"], strict=True):
        row = next(line for line in table.splitlines() if name in line)
        assert f"{100 * iou:.2f}" in row
    with Image.open(output / "confusion_matrix.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 200
        assert len(np.unique(np.asarray(picture.convert("RGB")))) > 10


def test_it_reads_its_own_records(records, pairs):
    # What the comparison above stands on: the records hold exactly these masks.
    for (image, mask, _), pair in zip(read_examples(records, "val"), pairs, strict=True):
        np.testing.assert_array_equal(image, pair[0])
        np.testing.assert_array_equal(mask, pair[1])


def test_a_folder_is_a_checkpoint_and_nothing_is_written_unasked(
    evaluate, checkpoint, records, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert evaluate("--checkpoint", checkpoint.parent, "--tfrecords", records) is None
    assert "mean IoU over 3 of 3 classes" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_classic_records_need_the_name_of_their_data_set(
    evaluate, checkpoint, pairs, tmp_path
):  # fault 59
    path = write_classic_records(tmp_path / "classic.tfrecords", pairs[:1])
    error = evaluate("--checkpoint", checkpoint, "--tfrecords", path)
    assert f"error: {path}: records without a manifest" in error
    assert "--dataset pascal_voc" in error
    error = evaluate("--checkpoint", checkpoint, "--tfrecords", path, "--dataset", "pascal_voc")
    assert "error: the checkpoint has 3 classes; dataset 'pascal_voc' has 21" in error


@pytest.fixture
def fails(evaluate, checkpoint, records, tmp_path):
    """Runs the script with some arguments replaced; it must end with an error and write nothing."""

    def run(**changed):
        output = tmp_path / "report"
        options = {"checkpoint": checkpoint, "tfrecords": records, "output-dir": output}
        arguments = [f"--{name}={value}" for name, value in {**options, **changed}.items()]
        error = evaluate(*arguments)
        assert not output.exists()
        assert error.startswith("error: ")
        return error

    return run


def test_a_missing_checkpoint_is_an_error(fails, tmp_path):  # fault 59
    assert f"{tmp_path / 'no.ckpt'}: no checkpoint there" in fails(checkpoint=tmp_path / "no.ckpt")


def test_an_empty_folder_is_no_checkpoint(fails, tmp_path):  # fault 59
    (tmp_path / "empty").mkdir()
    assert "this folder holds no checkpoint" in fails(checkpoint=tmp_path / "empty")


def test_a_checkpoint_that_lacks_variables_is_an_error(fails, network, tmp_path):  # fault 59
    arrays = {name: variable.numpy() for name, variable in network.variables_by_name.items()}
    del arrays["fcn_16s/vgg_16/conv3/conv3_2/biases"]
    np.savez(tmp_path / "part.npz", **arrays)
    error = fails(checkpoint=tmp_path / "part.npz")
    assert "fcn_16s/vgg_16/conv3/conv3_2/biases is missing" in error


def test_a_classifier_is_no_segmentation_model(fails, tmp_path):  # fault 59
    name = "vgg_16/conv1/conv1_1/weights"
    np.savez(tmp_path / "vgg.npz", **{name: np.zeros((3, 3, 3, 64), np.float32)})
    assert "holds vgg_16, not one of deeplab_v3" in fails(checkpoint=tmp_path / "vgg.npz")


def test_another_model_is_an_error(fails, checkpoint):
    assert f"{checkpoint}: holds fcn_16s, not fcn_8s" in fails(model="fcn_8s")


def test_another_number_of_classes_is_an_error(fails, tmp_path):
    other = Network(fcn_16s, num_classes=5, width_multiplier=0.02)
    other.save(tmp_path / "other.ckpt")
    error = fails(checkpoint=tmp_path / "other.ckpt")
    assert "the checkpoint has 5 classes; dataset 'small' has 3: background, cat" in error
    assert "use the dataset that it was trained on" in error


def test_missing_records_are_an_error(fails, tmp_path):  # fault 36
    assert f"{tmp_path / 'none'}: no such file" in fails(tfrecords=tmp_path / "none")
    assert "no file matches" in fails(tfrecords=tmp_path / "none-*.tfrecord")


def test_an_unknown_split_lists_the_splits(fails):  # fault 28
    assert "'test'; choose from ['val']" in fails(split="test")


def test_records_without_labels_are_an_error(fails, tmp_path):  # fault 59
    void = [(example(8, 8, 0)[0], np.full((8, 8), 255, np.uint8))]
    folder = write_records(tmp_path / "void", {"val": void}, num_shards=1)
    assert "no labeled pixels were counted (64 had the ignore label)" in fails(tfrecords=folder)


def test_an_output_that_is_a_file_is_refused_at_the_start(
    evaluate, checkpoint, records, tmp_path, capsys
):
    (tmp_path / "file").write_text("precious")
    error = evaluate(
        "--checkpoint", checkpoint, "--tfrecords", records, "--output-dir", tmp_path / "file"
    )
    assert error == f"error: {tmp_path / 'file'}: is a file; name a folder with --output-dir"
    assert (tmp_path / "file").read_text() == "precious"
    assert capsys.readouterr().out == ""


def test_help_answers_without_tensorflow(repository):
    shown = run_process(repository, "--help", options=("-X", "importtime"))
    assert shown.returncode == 0
    assert "--fit pad|resize|HxW" in shown.stdout
    assert "(default: pad)" in shown.stdout
    assert "import time" in shown.stderr
    assert "tensorflow" not in shown.stderr


@pytest.mark.parametrize("level", [None, "3"])
def test_an_error_is_all_that_is_said(repository, tmp_path, level):
    arguments = "--checkpoint", "x", "--tfrecords", str(tmp_path / "none")
    failed = run_process(repository, *arguments, log_level=level)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert [line.split(":")[0] for line in failed.stderr.strip().splitlines()] == ["error"]


def run_process(repository, *arguments, options=(), log_level=None):
    environment = dict(os.environ, PYTHONPATH=str(repository))
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    if log_level is not None:
        environment["TF_CPP_MIN_LOG_LEVEL"] = log_level
    script = str(repository / "scripts" / "evaluate.py")
    command = [sys.executable, *options, script, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_views_and_crf_reach_the_prediction(
    evaluate, network, checkpoint, records, pairs, tmp_path, capsys
):
    pytest.importorskip("pydensecrf")
    options = ["--checkpoint", checkpoint, "--tfrecords", records, "--output-dir", tmp_path]
    options += ["--scales", 1, 0.5, "--flip", "--crf", "bilateral_sxy=5", "iterations=2"]
    options += ["--workers", 1]
    assert evaluate(*options) is None
    crf = CrfParameters(bilateral_sxy=5.0, iterations=2)
    counts, _ = numpy_metrics(network, pairs, scales=(1.0, 0.5), flip=True, crf=crf)
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["confusion_matrix"] == counts.tolist()
    assert counts.tolist() != numpy_metrics(network, pairs)[0].tolist()
    plain, metrics = numpy_metrics(network, pairs, scales=(1.0, 0.5), flip=True)
    assert plain.tolist() != counts.tolist()
    np.testing.assert_allclose(found["metrics_without_crf"]["mean_iou"], metrics["mean_iou"])
    # Both in one table, without first.
    rows = [line for line in capsys.readouterr().out.splitlines() if "fcn_16s" in line]
    assert f"{100 * metrics['mean_iou']:.2f}" in rows[0]
    assert "fcn_16s + CRF" in rows[1] and f"{100 * found['metrics']['mean_iou']:.2f}" in rows[1]
    assert (found["scales"], found["flip"]) == ([1.0, 0.5], True)
    assert found["crf"] == ["bilateral_sxy=5", "iterations=2"]


def test_metrics_are_chosen_by_name_built_in_or_the_users_own(
    evaluate, checkpoint, records, tmp_path, capsys
):
    plugin = tmp_path / "kappa.py"
    plugin.write_text(
        "from tf_image_segmentation.evaluation import register_metric\n"
        "@register_metric\n"
        "def labeled_share(confusion):\n"
        "    total = confusion.matrix.sum()\n"
        "    return total / (total + confusion.ignored_pixels)\n"
    )
    chosen = ["dice", "labeled_share", '{name = "boundary_f1", tolerance = 3}']
    arguments = ["--checkpoint", checkpoint, "--tfrecords", records, "--output-dir", tmp_path]
    assert not evaluate(*arguments, "--plugins", plugin, "--metrics", *chosen)
    found = json.loads((tmp_path / "metrics.json").read_text())
    counts, metrics = np.array(found["confusion_matrix"]), found["metrics"]
    dice = 2 * np.diag(counts) / (counts.sum(axis=0) + counts.sum(axis=1))
    np.testing.assert_allclose(metrics["per_class_dice"], dice)
    assert metrics["mean_dice"] == pytest.approx(dice.mean())
    ignored = metrics["ignored_pixels"]
    assert metrics["labeled_share"] == pytest.approx(counts.sum() / (counts.sum() + ignored))
    assert 0 <= metrics["mean_boundary_f1"] <= 1 and len(metrics["per_class_boundary_f1"]) == 3
    assert "mean_iou" in metrics  # is always there
    printed = capsys.readouterr().out
    for shown in ("mean dice", "labeled share", "boundary F1", f"{100 * dice.mean():.2f}"):
        assert shown in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metrics", "kappa"], "unknown metric 'kappa'; choose from"),
        (["--metrics", "{name"], "--metrics: {name is no TOML value"),
        (["--crf", "sigma=3"], "--crf sigma=3: no such parameter; there are"),
        (["--crf", "iterations=many"], "'many' is not a number; write iterations=3"),
        (["--crf", "bilateral_sxy=nan"], "bilateral_sxy must be from 0.01 to 10000, got nan"),
        (["--scales", 0], "scales must be numbers from 0.0625 to 16, got [0.0]"),
        (["--scales", "nan"], "scales must be numbers from 0.0625 to 16, got [nan]"),
        (["--flip", "--fit", "resize"], "gives labels alone: leave out scales"),
    ],
)
def test_options_that_make_no_sense_are_refused(evaluate, checkpoint, records, options, message):
    error = evaluate("--checkpoint", checkpoint, "--tfrecords", records, *options)
    assert message in error
