"""What callbacks are told of a run, and what TensorBoard shows beside its curves."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tiny_runs import run_quietly

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.evaluate import evaluate
from tf_image_segmentation.inference.visualization import colorize
from tf_image_segmentation.models import Network
from tf_image_segmentation.tfrecords import open_records
from tf_image_segmentation.training import Callback


class Recorder(Callback):
    def __init__(self):
        self.told = []

    def on_start(self, config, step):
        self.told.append(("start", step))

    def on_step(self, step, values):
        assert set(values) == {"loss", "learning_rate", "seconds"}
        self.told.append(("step", step))

    def on_validation(self, step, validation):
        self.told.append(("validation", step))
        self.values = validation.values

    def on_end(self, result):
        self.told.append(("end", result and result.step))


@pytest.fixture(scope="module")
def recorder():
    return Recorder()


@pytest.fixture(scope="module")
def config(tmp_path_factory, make_config_in, recorder):
    config = make_config_in(tmp_path_factory.mktemp("callbacks"))()
    run_quietly(config, callbacks=[recorder])
    return config


def test_a_callback_is_told_everything_in_order(config, recorder):
    steps = [("step", step) for step in range(1, 7)]
    steps[3:3] = [("validation", 3)]
    assert recorder.told == [("start", 0), *steps, ("validation", 6), ("end", 6)]
    lines = (config.run_dir / "metrics.jsonl").read_text().splitlines()
    (*_, last) = [line for line in map(json.loads, lines) if "val_mean_iou" in line]
    assert {name: last[name] for name in last if name.startswith("val_")} == recorder.values
    assert list(recorder.values) == [
        "val_loss",
        "val_mean_iou",
        "val_mean_pixel_accuracy",
        "val_pixel_accuracy",
    ]


def test_the_metrics_of_the_recipe_are_validated(make_config_in, tmp_path):
    chosen = ["dice", {"name": "boundary_f1", "tolerance": 2}]
    config, recorder = make_config_in(tmp_path)(steps=1, metrics=chosen), Recorder()
    run_quietly(config, callbacks=[recorder])
    network = Network.from_checkpoint(config.run_dir / "model" / "last")
    records, parts = open_records(config.tfrecords, "val"), config.recipe.metrics
    expected = evaluate(network, records, 255, metrics=parts).results(parts)
    assert list(recorder.values) == [
        "val_loss",
        "val_mean_dice",
        "val_mean_boundary_f1",
        "val_mean_iou",  # which chooses the best model
    ]
    for name in ("dice", "boundary_f1"):
        assert recorder.values[f"val_mean_{name}"] == pytest.approx(np.nanmean(expected[name]))


def test_validation_loss_is_the_mean_over_all_labeled_pixels(config, recorder):
    network = Network.from_checkpoint(config.run_dir / "model" / "last")
    losses = []
    for image, mask, _ in open_records(config.tfrecords, "val").examples():
        padded = np.full((64, 64, 3), network.spec.pad_value, np.float32)
        padded[:40, :48] = image
        logits = network(padded[np.newaxis]).numpy()[0, :40, :48].astype(np.float64)
        log_sum = np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)) + logits.max(-1)
        valid = mask != 255
        truth = np.where(valid, mask, 0)
        picked = np.take_along_axis(logits, truth[..., np.newaxis], axis=-1)[..., 0]
        losses.append(np.minimum(log_sum - picked, 87.336)[valid])
    expected = np.concatenate(losses).mean()
    np.testing.assert_allclose(recorder.values["val_loss"], expected, rtol=1e-4)


def test_a_callback_hears_of_an_error_and_its_own_error_ends_the_run(make_config):
    class Failing(Recorder):
        def on_step(self, step, values):
            super().on_step(step, values)
            if step == 3:
                raise DataError("enough")

    callback, config = Failing(), make_config()
    with pytest.raises(DataError, match="enough"):
        run_quietly(config, callbacks=[callback])
    assert callback.told[-1] == ("end", None)
    again = Recorder()
    assert run_quietly(config, resume=True, callbacks=[again]).step == 6
    assert again.told[0] == ("start", 2)


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


def test_metrics_of_the_recipe_are_recorded(make_config):
    recorder = Recorder()
    config = make_config(steps=1, metrics=["dice", "boundary_f1"])
    run_quietly(config, callbacks=[recorder])
    assert set(recorder.values) == {
        "val_loss",
        "val_mean_dice",
        "val_mean_boundary_f1",
        "val_mean_iou",
    }
    shown = EventAccumulator(str(config.run_dir / "tensorboard")).Reload()
    assert {"val_mean_dice", "val_dice/cat", "val_boundary_f1/dog"} <= set(shown.Tags()["tensors"])
