"""Whole runs of a tiny network: what they write, and what stops them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import losses, run_quietly

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import Network
from tf_image_segmentation.tfrecords import open_records
from tf_image_segmentation.training.loop import Trainer


def test_a_run_writes_what_it_promises(make_config):
    config = make_config()
    result = run_quietly(config)
    assert (result.step, result.exit_code) == (6, 0)
    assert sorted(losses(config)) == [1, 2, 3, 4, 5, 6]
    stored = json.loads((config.run_dir / "config.json").read_text())
    assert stored["recipe"]["crop_size"] == [32, 64]
    assert stored["environment"]["tensorflow"] == tf.__version__
    assert [len(sha256) for sha256 in stored["data"]] == [64, 64]
    validations = [
        line
        for line in map(json.loads, (config.run_dir / "metrics.jsonl").open())
        if "val_mean_iou" in line
    ]
    assert [line["step"] for line in validations] == [3, 6]
    assert result.best_mean_iou == max(line["val_mean_iou"] for line in validations)
    checkpoints = sorted(p.stem for p in (config.run_dir / "checkpoints").glob("*.index"))
    assert checkpoints == ["ckpt-2", "ckpt-4", "ckpt-6"]
    for kind in ("best", "last"):
        folder = config.run_dir / "model" / kind
        assert len(list(folder.glob("*.index"))) == 1
        assert "fcn_32s/vgg_16/fc8/weights" in dict(tf.train.list_variables(str(folder)))
        assert Network.from_checkpoint(folder).num_classes == 3
    events = list((config.run_dir / "tensorboard").glob("events*"))
    tags = {
        value.tag
        for event in events
        for e in tf.compat.v1.train.summary_iterator(str(event))
        for value in e.summary.value
    }
    assert {"val_mean_iou", "image, truth, prediction/0"} <= tags


def test_validation_equals_an_evaluation_of_the_saved_model(make_config):
    from tf_image_segmentation.evaluation.evaluate import evaluate

    config = make_config()
    result = run_quietly(config)
    network = Network.from_checkpoint(config.run_dir / "model" / "last")
    matrix = evaluate(network, open_records(config.tfrecords, "val"), 255).matrix
    assert matrix.metrics().mean_iou == pytest.approx(result.mean_iou, abs=1e-12)


def test_training_learns(make_config):
    config = make_config(
        steps=60,
        validation_interval=60,
        checkpoint_interval=60,
        augmentations=["flip"],
        model_options={"width_multiplier": 0.1, "fc6_kernel": 1, "dropout_keep_prob": 1.0},
    )
    run_quietly(config)
    values = list(losses(config).values())
    assert np.mean(values[-10:]) < 0.8 * np.log(3) < np.mean(values[:3])


def test_records_named_by_a_pattern_validate_on_the_validation_split(make_config):
    config = make_config(steps=1)
    trainer = Trainer(replace(config, tfrecords=f"{config.tfrecords}/train-*"), resume=False)
    assert {file.name.split("-")[0] for file in trainer._data.records.files} == {"train"}
    assert {file.name.split("-")[0] for file in trainer._data.validation.files} == {"val"}
    trainer.run()


def test_validation_set_of_other_classes(make_config, tmp_path):
    config = make_config()
    other = tmp_path / "other"
    shutil.copytree(config.tfrecords, other)
    manifest = other / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"cat"', '"lynx"'))
    with pytest.raises(DataError, match=r"validation classes .*lynx.* are not the training"):
        run_quietly(replace(config, val_tfrecords=str(other)))


def test_label_out_of_range_names_the_record(make_config, tmp_path, capsys):
    # fault 40: no manifest vouches for the labels of a classic file
    config = make_config()
    records = tmp_path / "classic.tfrecords"
    mask = np.full((40, 48), 7, np.uint8)
    with tf.io.TFRecordWriter(str(records)) as writer:
        for _ in range(2):
            features = {
                "height": tf.train.Feature(int64_list=tf.train.Int64List(value=[40])),
                "width": tf.train.Feature(int64_list=tf.train.Int64List(value=[48])),
            }
            for name, array in (("image_raw", np.zeros((40, 48, 3), np.uint8)), ("mask_raw", mask)):
                raw = tf.train.BytesList(value=[array.tobytes()])
                features[name] = tf.train.Feature(bytes_list=raw)
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    from tf_image_segmentation.datasets import registry

    conftest_info = open_records(config.tfrecords).info
    tiny = registry.Dataset("tiny", None, None, conftest_info)
    registry.DATASETS.add("tiny", tiny, __name__)
    try:
        classic = replace(config, tfrecords=str(records), dataset="tiny")
        message = r"step 1, records \['classic.*labels must be 0..2 or the ignore label 255.*7"
        with pytest.raises(DataError, match=message):
            run_quietly(classic)
        assert "no validation: the records have no split val" in capsys.readouterr().out
    finally:
        registry.DATASETS.remove_from(__name__)


def test_records_without_a_manifest_need_their_classes_named(make_config):
    config = make_config()
    records = config.run_dir.parent / "train.tfrecords"
    shutil.copy(open_records(config.tfrecords, "train").files[0], records)
    with pytest.raises(DataError, match="name the dataset with --dataset"):
        run_quietly(replace(config, tfrecords=str(records)))
    assert not config.run_dir.exists()


def test_all_void_records_train_with_loss_zero(make_config, make_records):
    # fault 41
    config = make_config(tfrecords=str(make_records("void", label=255)), weight_decay=0.0)
    result = run_quietly(config)
    assert result.exit_code == 0
    assert set(losses(config).values()) == {0.0}


def test_loss_that_is_not_finite_stops_the_run(make_config):
    # fault 42
    config = make_config(learning_rate=1e30, schedule="constant", warmup_steps=0)
    with pytest.raises(DataError, match=r"step \d: the loss is (nan|inf) for records \['train\d"):
        run_quietly(config)
    for file in (config.run_dir / "checkpoints").glob("ckpt-0.index"):
        reader = tf.train.load_checkpoint(str(file.with_suffix("")))
        for name, shape in reader.get_variable_to_shape_map().items():
            if shape:
                assert np.all(np.isfinite(reader.get_tensor(name)))
        break
    else:
        pytest.fail("the checkpoint from before the first step is gone")


def test_what_cannot_train_is_found_at_the_start(make_config):
    # fault 54
    config = make_config()
    with pytest.raises(
        DataError, match=r"batch size 6 must be .* not larger than the dataset of 5"
    ):
        run_quietly(make_config(batch_size=6))
    with pytest.raises(DataError, match=r"multiples of 32 for fcn_32s, .* \[96, 64\], got"):
        run_quietly(make_config(crop_size=(100, 64)))
    for changes, message in [
        ({"steps": 0}, "steps: expected int >= 1, got 0"),
        ({"compute_dtype": "float16"}, "compute_dtype must be one of .*, got float16"),
        ({"learning_rate": 0.0}, "learning_rate: expected float > 0.0, got 0.0"),
        ({"learning_rate": float("inf")}, "learning_rate must be finite, got inf"),
        ({"weight_decay": -1.0}, "weight_decay: expected float >= 0.0, got -1.0"),
        ({"checkpoint_interval": 0}, "checkpoint_interval must be at least 1"),
        ({"keep_checkpoints": 0}, "keep_checkpoints must be at least 1"),
        ({"seed": -1}, "seed must be 0 to 2147483647"),
        ({"seed": 2**31}, "seed must be 0 to 2147483647"),
    ]:
        with pytest.raises(DataError, match=message):
            make_config(**changes)
    for changes, message in [
        ({"model": "fcn_4s"}, "unknown model 'fcn_4s'; choose from"),
        ({"model_options": {"widht": 2}}, "model 'fcn_32s' takes no option 'widht'; docs"),
        ({"model_options": {"fc_channels": "many"}}, "'fcn_32s' cannot be built with options {'fc"),
        ({"optimizer": {"name": "adam", "beta_1": "x"}}, "adam': beta_1: expected float, got str"),
        ({"loss": {"name": "focal", "gamma": [1, 2]}}, "focal': gamma: expected float, got array"),
        ({"optimizer": "adagrad"}, "unknown optimizer 'adagrad'; choose from .*adam"),
        ({"schedule": "sawtooth"}, "unknown schedule 'sawtooth'; choose from .*poly"),
        ({"augmentations": ["wild"]}, "unknown augmentation 'wild'; choose from .*flip"),
        ({"loss": ["guess"]}, "unknown loss 'guess'; choose from .*cross_entropy"),
        ({"metrics": ["luck"]}, "unknown metric 'luck'; choose from .*mean_iou"),
    ]:
        with pytest.raises(ValueError, match=message):
            run_quietly(make_config(**changes))
    assert not config.run_dir.exists()


def test_out_of_memory_says_what_to_change(make_config, monkeypatch):
    # fault 54
    from tf_image_segmentation.training.step import TrainingStep

    def exhausted(self, images, masks):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(TrainingStep, "__call__", exhausted)
    with pytest.raises(
        DataError, match=r"out of memory with batch size 2 and crop size \[32, 64\]"
    ):
        run_quietly(make_config())


def test_stages_start_from_one_another(make_config, capsys):
    run_quietly(make_config("32"))
    first = make_config("32").run_dir / "model" / "best"
    config = make_config("16", model="fcn_16s", init_checkpoint=str(first))
    run_quietly(config)
    assert "left as initialized: fcn_16s/pool4_fc/weights" in capsys.readouterr().out
    eighth = make_config(
        "8", model="fcn_8s", init_checkpoint=str(config.run_dir / "model" / "best")
    )
    run_quietly(eighth)
    assert Network.from_checkpoint(eighth.run_dir / "model" / "last").model_name == "fcn_8s"


def test_checkpoint_of_other_shapes_is_refused_before_anything_is_written(make_config):
    # fault 48
    run_quietly(make_config("first"))
    wide = make_config(
        "wide",
        init_checkpoint=str(make_config("first").run_dir / "model" / "last"),
        model_options={"width_multiplier": 0.1, "fc_channels": 128, "fc6_kernel": 1},
    )
    with pytest.raises(
        DataError, match=r"does not fit fcn_32s:\n.*conv1_1/weights: \[3, 3, 3, 3\]"
    ):
        run_quietly(wide)
    assert not wide.run_dir.exists()


def test_momentum_and_balancing_and_bfloat16_train(make_config):
    config = make_config(
        optimizer="momentum", class_balancing=1.0, compute_dtype="bfloat16", learning_rate=1e-4
    )
    run_quietly(config)
    assert all(np.isfinite(list(losses(config).values())))


def test_damaged_records_name_the_shard(make_config):
    # fault 33
    config = make_config()
    shard = open_records(config.tfrecords, "train").files[1]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=f"{shard.name}: record"):
        run_quietly(config)


def test_a_run_shorter_than_its_intervals_validates_and_saves_at_the_end(make_config):
    config = make_config(steps=2, validation_interval="100m", checkpoint_interval="100m")
    assert run_quietly(config).mean_iou is not None
    checkpoints = sorted(p.stem for p in (config.run_dir / "checkpoints").glob("*.index"))
    assert checkpoints == ["ckpt-0", "ckpt-2"]
