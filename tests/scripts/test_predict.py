"""scripts/predict.py, as a user runs it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_records import INFO, example

from tf_image_segmentation.inference.predict import predict_labels
from tf_image_segmentation.models import Network, fcn_32s


@pytest.fixture(scope="module")
def network():
    tf.random.set_seed(3)
    return Network(fcn_32s, num_classes=3, width_multiplier=0.05)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, network):
    path = tmp_path_factory.mktemp("model") / "model"
    network.save(path, {"dataset": INFO.to_json()})
    return path


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        image, _ = example(40, 50 + number, seed=number)
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize("fit", ["pad", "resize"])
def test_a_folder_is_predicted_as_from_python(
    run_script, network, checkpoint, images, tmp_path, fit
):
    output = tmp_path / "new" / "out"
    options = ["--checkpoint", checkpoint, "--output-dir", output, "--fit", fit]
    result = run_script("predict.py", images, *options)
    assert result.returncode == 0, result.stderr
    assert f"predicted 3 images into {output}" in result.stdout
    assert "3/3" in result.stderr and "image/s" in result.stderr.replace("s/image", "image/s")
    for number in range(3):
        with Image.open(output / f"{number}_labels.png") as labels:
            image, _ = example(40, 50 + number, seed=number)
            np.testing.assert_array_equal(labels, predict_labels(network, image, fit))
            # Colors come along with the checkpoint.
            assert labels.getpalette()[:9] == [part for color in INFO.palette for part in color]


def test_views_crf_and_probabilities_reach_the_files(run_script, checkpoint, images, tmp_path):
    pytest.importorskip("pydensecrf")
    options = ["--checkpoint", checkpoint, "--output-dir", tmp_path / "out", "--model", "fcn_32s"]
    options += ["--scales", 0.5, 1, "--flip", "--crf", "iterations=2", "--workers", 1]
    result = run_script("predict.py", images / "0.png", *options, "--probabilities")
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "0_labels.png",
        "0_overlay.jpg",
        "0_probabilities.npz",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "fcn_8s"], "holds fcn_32s, not fcn_8s"),
        (["--window", 300], "window must be a multiple of 32 for this model, got 300; try 320"),
        (["--dataset", "camvid"], "the checkpoint has 3 classes"),
        (["--fit", "resize", "--crf"], "gives labels alone: leave out scales"),
        (["--workers", 0], "--workers must be at least 1"),
    ],
)
def test_bad_options_write_nothing(run_script, checkpoint, images, tmp_path, options, message):
    output = ["--output-dir", tmp_path / "out"]
    result = run_script("predict.py", images, "--checkpoint", checkpoint, *output, *options)
    assert result.returncode == 1
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_bad_images_are_named(run_script, checkpoint, images, tmp_path):  # faults 2 and 7
    (images / "1.png").write_bytes(b"<!DOCTYPE html>")
    options = ["--checkpoint", checkpoint, "--output-dir", tmp_path / "out"]
    result = run_script("predict.py", images, *options)
    assert result.returncode == 1
    assert "1.png: the content is HTML" in result.stderr and "--skip-bad" in result.stderr
    result = run_script("predict.py", images, *options, "--overwrite", "--skip-bad")
    assert result.returncode == 0
    assert "predicted 2 images" in result.stdout and "skipped" in result.stdout
    result = run_script("predict.py", images / "0.png", *options, "--max-pixels", 99, "--overwrite")
    assert result.returncode == 1
    assert "more than the limit of 99" in result.stderr


def test_weights_that_could_run_code_are_never_loaded(run_script, images, tmp_path):  # fault 53
    (tmp_path / "model.h5").write_bytes(b"\x89HDF")
    options = ["--output-dir", tmp_path / "out"]
    result = run_script("predict.py", images, "--checkpoint", tmp_path / "model.h5", *options)
    assert result.returncode == 1
    assert ".h5 files are not loaded, because they can carry code" in result.stderr
