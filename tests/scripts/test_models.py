"""Packing, listing and downloading models, and predicting with them, as a user types it."""

from __future__ import annotations

import io
import json
import shlex
import tarfile

import numpy as np
import pytest
import tensorflow as tf
from local_server import local_server
from PIL import Image
from small_records import INFO, example

from tf_image_segmentation.inference import predict_labels
from tf_image_segmentation.models import Network, checkpoints, deeplab_v3_mobilenet_v2
from tf_image_segmentation.zoo.loading import load_model
from tf_image_segmentation.zoo.packing import pack
from tf_image_segmentation.zoo.shipped import DEFAULT_MODEL, Facts
from tf_image_segmentation.zoo.table import markdown_table

SCOPE = "deeplab_v3_mobilenet_v2/"
THIN = {"depth_multiplier": 0.1, "head_channels": 8}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """The folder of a run that trained a thin model."""
    tf.random.set_seed(5)
    folder = tmp_path_factory.mktemp("runs") / "thin"
    network = Network(deeplab_v3_mobilenet_v2, num_classes=3, **THIN)
    network.save(folder / "model" / "best" / "model-3", {"dataset": INFO.to_json()})
    config = {"recipe": {"steps": 3}, "environment": {"tensorflow": "2.21"}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(example(40, 50, 7)[0]).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture(scope="module")
def zoo(run_folder, tmp_path_factory):
    """A folder with the model that predicts by default."""
    folder = tmp_path_factory.mktemp("zoo")
    accuracy = {"RV-VOC12 val": 65.1, "camvid": 50}
    facts = Facts(license="MIT", data="small", accuracy=accuracy, recipe={"steps": 3})
    images = [example(40, 50, 7)[0]]
    pack(run_folder / "model" / "best", DEFAULT_MODEL, folder, images, facts, min_equal=90)
    return folder


def test_packing_fills_the_card(run_script, run_folder, photo, tmp_path):
    zoo = tmp_path / "zoo"
    result = run_script(
        *("pack_model.py", run_folder / "model" / "best", "--name", DEFAULT_MODEL),
        *("--output-dir", zoo, "--check-images", photo, "--min-equal", 90),
        *("--license", "MIT", "--data", "small", "--accuracy", "RV-VOC12 val=65.1", "camvid=50"),
    )
    assert result.returncode == 0, result.stderr
    assert "% of the labels of 1 images are those of the checkpoint\n" in result.stdout
    assert f"wrote {zoo / DEFAULT_MODEL}.npz (0." in result.stdout
    card = json.loads((zoo / f"{DEFAULT_MODEL}.npz.json").read_text())["card"]
    assert card["recipe"]["steps"] == 3 and card["environment"] == {"tensorflow": "2.21"}
    assert card["accuracy"] == {"RV-VOC12 val": 65.1, "camvid": 50}
    assert (card["license"], card["data_license"]) == ("MIT", "not stated")
    assert card["pack_command"].startswith("python scripts/pack_model.py /")


def test_a_photo_is_predicted_without_a_checkpoint(run_script, zoo, photo, monkeypatch):
    monkeypatch.chdir(photo.parent)
    result = run_script("predict.py", photo.name, "--zoo", zoo)
    assert result.returncode == 0, result.stderr
    network = load_model(DEFAULT_MODEL, zoo)
    with Image.open("predictions/photo_labels.png") as labels:
        np.testing.assert_array_equal(labels, predict_labels(network, example(40, 50, 7)[0]))
        assert labels.getpalette()[:9] == [part for color in INFO.palette for part in color]
    options = ["--zoo", zoo, "--checkpoint", DEFAULT_MODEL, "--output-dir", "named"]
    assert run_script("predict.py", photo.name, *options).returncode == 0


def test_without_any_model_the_ways_out_are_named(run_script, photo, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run_script("predict.py", photo, "--zoo", tmp_path / "empty")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    for way in ("--checkpoint", "list_models.py", "download_weights.py NAME"):
        assert way in result.stderr


def test_bad_packing_is_refused(run_script, run_folder, tmp_path):
    best, output = run_folder / "model" / "best", ["--output-dir", tmp_path / "out"]
    for options, message in (
        (["--name", "Thin!"], "--name Thin!: use lower-case letters"),
        (["--name", "thin", "--accuracy", "high"], "--accuracy high: write SET=PERCENT"),
        (["--name", "thin", "--accuracy", "val=101"], "--accuracy val=101: write SET=PERCENT"),
    ):
        result = run_script("pack_model.py", best, *output, *options)
        assert result.returncode == 1
        assert message in result.stderr
        assert not (tmp_path / "out").exists()


def test_the_list_names_both_kinds(run_script, repository, zoo, tmp_path):
    assert run_script("list_models.py").stdout == f"{markdown_table()}\n"
    page = (repository / "docs" / "model_zoo.md").read_text()
    assert markdown_table(tmp_path) in page  # of those that can be fetched
    table = run_script("list_models.py", "--zoo", zoo).stdout
    assert f"| `{DEFAULT_MODEL}` | package | predict | `deeplab_v3_mobilenet_v2` | 0." in table
    assert "65.10 % mean IoU, RV-VOC12 val; 50.00 % mean IoU, camvid | MIT | SHA-256 |" in table
    assert "models/vgg_16_2016_08_28.tar.gz) | download | start training | `fcn_32s`" in table


def test_details_of_one_model(run_script, zoo):
    shown = run_script("list_models.py", DEFAULT_MODEL, "--zoo", zoo).stdout
    assert "  recipe:\n    steps: 3" in shown and "  data: small\n" in shown
    shown = run_script("list_models.py", "vgg_16").stdout
    assert "  sha256: -\n" in shown and "  url: http://download.tensorflow.org/" in shown
    result = run_script("list_models.py", "vgg")
    assert result.returncode == 1 and "no model 'vgg'; choose from " in result.stderr


@pytest.fixture
def server(monkeypatch, tmp_path_factory):
    """Serves a DeepLab of half the width and a VGG-16 as they are published, but small."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path_factory.mktemp("published")
    network = Network(
        deeplab_v3_mobilenet_v2, num_classes=21, depth_multiplier=0.05, divisible_by=1
    )
    by_name = {n.removeprefix(SCOPE): v for n, v in network.variables_by_name.items()}
    deeplab = folder / "deeplabv3_mnv2_dm05_pascal_trainaug"
    deeplab.mkdir()
    checkpoints.write(deeplab / "model.ckpt", by_name)
    (deeplab / "frozen_inference_graph.pb").write_bytes(b"a graph")
    (folder / "vgg_16.ckpt").write_bytes(b"weights")
    with local_server() as running:
        for name, path in (("deeplab.tar.gz", deeplab), ("vgg.tar.gz", folder / "vgg_16.ckpt")):
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
                tar.add(path, path.name)
            running.files[name] = buffer.getvalue()
        yield running


def test_a_published_model_is_fetched_and_predicts_as_printed(
    run_script, server, photo, monkeypatch
):
    monkeypatch.chdir(photo.parent)
    photo.rename("photo.jpg")
    name = "deeplab_v3_mobilenet_v2_dm05_voc_trainaug"
    result = run_script("download_weights.py", name, "--url", server.url("deeplab.tar.gz"))
    assert result.returncode == 0, result.stderr
    assert "license: Apache 2.0 (TensorFlow)\n" in result.stdout
    assert "no checksum of deeplabv3_mnv2_dm05_pascal_trainaug_2018_10_01.tar.gz" in result.stdout
    title, command = result.stdout.splitlines()[-2:]
    assert title == "Predict with it:"
    _, script, *arguments = shlex.split(command)
    result = run_script(script.removeprefix("scripts/"), *arguments)
    assert result.returncode == 0, result.stderr
    with Image.open("predictions/photo_labels.png") as labels:
        assert labels.size == (50, 40)


def test_weights_to_start_from_end_with_the_training_command(run_script, server, tmp_path):
    options = ["--url", server.url("vgg.tar.gz"), "--output-dir", tmp_path / "data"]
    result = run_script("download_weights.py", "vgg_16", *options)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "data" / "vgg_16.ckpt").read_bytes() == b"weights"
    assert "\nTrain fcn_32s (or fcn_16s, fcn_8s, unet_vgg_16) from it:\n" in result.stdout
    assert result.stdout.endswith(
        "python scripts/train.py --model fcn_32s --tfrecords RECORDS "
        f"--init-checkpoint {tmp_path}/data/vgg_16.ckpt --run-dir runs/fcn_32s\n"
    )


def test_a_wrong_archive_or_name_ends_the_download(run_script, server, tmp_path):
    output = ["--output-dir", tmp_path / "data"]
    result = run_script("download_weights.py", "nothing", *output)
    assert result.returncode == 1 and "choose from vgg_16, resnet_v1_50" in result.stderr
    url = server.url("deeplab.tar.gz")
    result = run_script("download_weights.py", "resnet_v1_50", "--url", url, *output)
    assert result.returncode == 1 and "holds no resnet_v1_50.ckpt" in result.stderr
    url = server.url("gone.tar.gz")
    result = run_script("download_weights.py", "vgg_16", "--url", url, *output)
    assert result.returncode == 1 and "the server answered 404" in result.stderr
