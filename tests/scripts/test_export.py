"""scripts/export_model.py, as a user runs it."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_records import INFO, example
from thin_networks import thin_network

from tf_image_segmentation.datasets.decode.images import decode_image
from tf_image_segmentation.export import FORMATS
from tf_image_segmentation.inference.predict import predict_labels
from tf_image_segmentation.models import fcn_16s


@pytest.fixture(scope="module")
def network():
    return thin_network(fcn_16s, 3, seed=2, skips=0.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, network):
    path = tmp_path_factory.mktemp("model") / "best" / "model.ckpt"
    network.save(path, {"dataset": INFO.to_json()})
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(3):
        Image.fromarray(example(30 + number, 50, number)[0]).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def export(run_script, checkpoint, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")

    def run(*options):
        arguments = ["--checkpoint", checkpoint, "--output-dir", tmp_path / "out"]
        return run_script("export_model.py", *arguments, "--check-images", pictures, *options)

    return run


def test_exports_checks_and_shows_the_figures(export, network, checkpoint, pictures, tmp_path):
    done = export("--formats", "saved_model", "tflite_int8", "--min-equal-int8", 80)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    row = next(line for line in done.stdout.splitlines() if "saved_model" in line)
    assert "100.000" in row
    assert f"wrote {out / 'saved_model'}\nwrote {out / 'model_int8.tflite'}" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == ["model_int8.tflite", "saved_model"]
    image = decode_image(pictures / "1.png")
    serve = tf.saved_model.load(str(out / "saved_model")).signatures["serving_default"]
    labels = serve(images=tf.constant(image[np.newaxis]))["labels"].numpy()[0]
    assert np.mean(labels == predict_labels(network, image)) >= 0.999
    with zipfile.ZipFile(out / "model_int8.tflite") as archive:
        found = json.loads(archive.read("metadata.json"))
    assert found["class_names"] == list(INFO.class_names)
    assert (found["ignore_label"], found["checkpoint"]) == (255, str(checkpoint))


def test_without_images_it_checks_on_photographs(run_script, checkpoint, tmp_path):
    arguments = ["--checkpoint", checkpoint, "--output-dir", tmp_path, "--formats", "tflite"]
    done = run_script("export_model.py", *arguments)
    assert done.returncode == 0, done.stderr
    assert "tflite" in done.stdout
    again = run_script("export_model.py", *arguments)
    assert f"{tmp_path / 'model.tflite'}: exists already" in again.stderr


def test_what_is_below_the_limit_is_not_written(export, tmp_path):
    done = export("--formats", "tflite", "--max-difference", 0)
    assert done.returncode == 1
    assert "tflite: a probability is off by" in done.stderr
    assert "at most 0 is allowed (--max-difference)" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dataset", "camvid"], "cat, dog [black]; dataset 'camvid' has 11: sky"),
        (["--dataset", "moon"], "unknown dataset 'moon'; choose from"),
        (["--num-check-images", 0], "at least one image must be checked"),
        (["--min-equal", 200], "must be 0..100 percent"),
        (["--model", "fcn_8s"], "holds fcn_16s, not fcn_8s"),
    ],
)
def test_options_that_make_no_sense_are_refused(export, tmp_path, options, message):
    done = export(*options)
    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_without_images_cannot_check(run_script, checkpoint, tmp_path):
    (tmp_path / "empty").mkdir()
    arguments = ["--checkpoint", checkpoint, "--output-dir", tmp_path / "out"]
    done = run_script("export_model.py", *arguments, "--check-images", tmp_path / "empty")
    assert f"{tmp_path / 'empty'}: no JPEG or PNG image to check with there" in done.stderr


def test_the_script_offers_all_formats(export):
    done = export("--formats", "nothing")
    assert done.returncode == 2
    offered = done.stderr.split("choose from ")[1].replace("'", "").rstrip(")\n")
    assert offered.split(", ") == list(FORMATS)
