"""What TensorBoard shows of a run, beside its curves."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tiny_runs import run_quietly

from tf_image_segmentation.evaluation.evaluate import evaluate
from tf_image_segmentation.inference.visualization import colorize
from tf_image_segmentation.models import Network
from tf_image_segmentation.tfrecords import open_records


@pytest.fixture(scope="module")
def config(tmp_path_factory, make_config_in):
    config = make_config_in(tmp_path_factory.mktemp("monitor"))()
    run_quietly(config)
    return config


@pytest.fixture(scope="module")
def shown(config):
    return EventAccumulator(str(config.run_dir / "tensorboard")).Reload()


def last_picture(shown, tag):
    _, _, png = tf.make_ndarray(shown.Tensors(tag)[-1].tensor_proto)
    return np.array(Image.open(io.BytesIO(png)).convert("RGB"))


def test_truth_and_prediction_are_painted_in_the_palette(config, shown):
    records = open_records(config.tfrecords, "val")
    image, mask, _ = next(iter(records.examples()))
    picture = last_picture(shown, "image, truth, prediction/0")
    assert picture.shape == (40, 3 * 48, 3)
    np.testing.assert_array_equal(picture[:, :48], image)
    np.testing.assert_array_equal(picture[:, 48:96], colorize(mask, records.info.palette))
    painted = {tuple(color) for color in picture[:, 96:].reshape(-1, 3).tolist()}
    assert painted <= set(records.info.palette)


def test_iou_of_each_class_is_that_of_the_model(config, shown):
    records = open_records(config.tfrecords, "val")
    network = Network.from_checkpoint(config.run_dir / "model" / "last")
    ious = evaluate(network, records, 255).matrix.metrics().per_class_iou
    for name, iou in zip(records.info.class_names, ious, strict=True):
        value = tf.make_ndarray(shown.Tensors(f"val_iou/{name}")[-1].tensor_proto)
        np.testing.assert_allclose(value, iou, rtol=1e-5)
    lines = (config.run_dir / "metrics.jsonl").read_text().splitlines()
    (*_, last) = [line for line in map(json.loads, lines) if "val_mean_iou" in line]
    np.testing.assert_allclose(last["val_mean_iou"], np.nanmean(ious))


def test_the_confusion_matrix_is_a_picture(shown):
    picture = last_picture(shown, "confusion matrix")
    assert min(picture.shape[:2]) > 200
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
