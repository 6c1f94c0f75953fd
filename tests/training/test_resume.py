"""Runs that are stopped, killed or damaged, and how they go on."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import StopAfter, losses, run_quietly

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import Network
from tf_image_segmentation.training.loop import Trainer


def test_same_seed_same_losses_other_seed_other(make_config, uninterrupted_losses):
    same, other = make_config("same"), make_config("other", seed=1)
    for config in (same, other):
        run_quietly(config)
    assert losses(same) == uninterrupted_losses
    assert losses(other) != uninterrupted_losses


@pytest.fixture(scope="module")
def uninterrupted_losses(tmp_path_factory, make_config_in):
    """The curve of a run that nothing disturbs."""
    config = make_config_in(tmp_path_factory.mktemp("uninterrupted"))()
    run_quietly(config)
    return losses(config)


@pytest.mark.parametrize("stop", [1, 4])
def test_a_resumed_run_continues_the_same_curve(
    make_config, uninterrupted_losses, monkeypatch, stop
):
    # faults 43 and 51
    parts = make_config("parts")
    with monkeypatch.context() as patch:
        StopAfter(patch, stop)
        result = run_quietly(parts)
    assert (result.step, result.exit_code) == (stop, 143)
    assert sorted(losses(parts)) == list(range(1, stop + 1))
    result = run_quietly(parts, resume=True)
    assert (result.step, result.exit_code) == (6, 0)
    assert losses(parts) == uninterrupted_losses


def test_a_signal_during_validation_saves_the_step(make_config, monkeypatch):
    # fault 43
    config = make_config(checkpoint_interval=100)
    original = Trainer._validate

    def validate(trainer, step, told):
        os.kill(os.getpid(), signal.SIGTERM)
        original(trainer, step, told)

    monkeypatch.setattr(Trainer, "_validate", validate)
    assert run_quietly(config).exit_code == 143
    assert (config.run_dir / "checkpoints" / "ckpt-3.index").exists()


def test_a_signal_in_the_last_step_still_ends_the_run_well(make_config, monkeypatch):
    config = make_config(validation_interval=100)
    StopAfter(monkeypatch, 6)
    result = run_quietly(config)
    assert (result.step, result.exit_code) == (6, 0)
    for kind in ("best", "last"):
        assert Network.from_checkpoint(config.run_dir / "model" / kind)


def test_a_killed_run_resumes_from_its_last_checkpoint(
    make_config, uninterrupted_losses, monkeypatch
):
    # faults 44 and 51: SIGKILL between checkpoints loses the steps since, and they come out equal.
    killed = make_config("killed")

    class Killed(BaseException):
        pass

    def die():
        raise Killed

    with monkeypatch.context() as patch:
        StopAfter(patch, 5, die)
        with pytest.raises(Killed):
            run_quietly(killed)
    (killed.run_dir / "checkpoints" / "ckpt-6_temp").mkdir()
    with (killed.run_dir / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')
    run_quietly(killed, resume=True)
    assert losses(killed) == uninterrupted_losses
    assert not (killed.run_dir / "checkpoints" / "ckpt-6_temp").exists()


def test_tensorboard_shows_each_step_once(make_config, monkeypatch):
    from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

    config = make_config()

    class Killed(BaseException):
        pass

    def die():
        raise Killed

    with monkeypatch.context() as patch:
        StopAfter(patch, 4, die)  # after the checkpoint at 2 and the validation at 3
        with pytest.raises(Killed):
            run_quietly(config)
    run_quietly(config, resume=True)
    shown = EventAccumulator(str(config.run_dir / "tensorboard")).Reload()
    pictures = ("image, truth, prediction/0", "confusion matrix")
    for tag in ("val_mean_iou", "val_iou/background", *pictures):
        assert [event.step for event in shown.Tensors(tag)] == [3, 6]


def test_sigkill_at_random_moments_changes_no_loss(make_config):  # faults 44 and 51
    undisturbed = make_config("undisturbed", steps=120, validation_interval=50)
    run_quietly(undisturbed)
    killed = replace(undisturbed, run_dir=undisturbed.run_dir.parent / "killed")
    for _ in range(3):
        process = start_worker(killed)
        wait_for_new_metrics(killed, process)
        moment = random.uniform(0, 0.5)
        print(f"killed {moment:.3f} s after it wrote its first metrics")
        time.sleep(moment)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert start_worker(killed).wait() == 0
    assert losses(killed) == losses(undisturbed)


def wait_for_new_metrics(config, process):
    metrics = config.run_dir / "metrics.jsonl"
    before = metrics.stat().st_mtime_ns if metrics.exists() else 0
    while process.poll() is None and (not metrics.exists() or metrics.stat().st_mtime_ns == before):
        time.sleep(0.01)


def start_worker(config) -> subprocess.Popen:
    program = Path(__file__).parent / "worker.py"
    return subprocess.Popen([sys.executable, program, "default", json.dumps(config.to_json())])


def test_a_run_that_is_there_is_not_overwritten(make_config):
    config = make_config()
    run_quietly(config)
    before = (config.run_dir / "metrics.jsonl").read_bytes()
    with pytest.raises(DataError, match="holds a run already; continue it with --resume"):
        run_quietly(config)
    assert (config.run_dir / "metrics.jsonl").read_bytes() == before


def test_resume_refuses_another_configuration(make_config, make_records):
    # fault 50
    config = make_config()
    run_quietly(config)
    for other, difference in [
        (make_config(learning_rate=2e-3), "recipe.learning_rate: 0.001 before, 0.002 now"),
        (make_config(model="fcn_16s"), "model: fcn_32s before, fcn_16s now"),
        (make_config(seed=4), "seed: 0 before, 4 now"),
        (make_config(tfrecords=str(make_records("other", train_count=4))), "data: "),
        (make_config(val_tfrecords=f"{config.tfrecords}/train-*"), "validation_data: "),
    ]:
        with pytest.raises(DataError, match=f"cannot resume.*\n.*{difference}"):
            run_quietly(other, resume=True)


@pytest.mark.parametrize("state", [b"\x00garbage", b"", b"\xff\xfe\x00" * 50])
def test_garbled_state_file_and_corrupt_newest_checkpoint(make_config, capsys, state):
    # faults 46, 47 and 63
    config = make_config()
    run_quietly(config)
    folder = config.run_dir / "checkpoints"
    (folder / "checkpoint").write_bytes(state)
    newest = folder / "ckpt-6.data-00000-of-00001"
    newest.write_bytes(newest.read_bytes()[:100])
    expected = losses(config)
    run_quietly(config, resume=True)
    output = capsys.readouterr().out
    assert "ckpt-6: not usable" in output and "at step 4" in output
    assert losses(config) == expected


def test_resume_without_a_usable_checkpoint_is_an_error(make_config):
    # fault 46
    config = make_config()
    run_quietly(config)
    shutil.rmtree(config.run_dir / "checkpoints")
    with pytest.raises(DataError, match="no usable checkpoint to resume from"):
        run_quietly(config, resume=True)


def test_two_trainers_in_one_folder(make_config):
    # fault 52
    config = make_config()
    trainer = Trainer(config)
    with pytest.raises(DataError, match=r"process \d+ on .* is writing to this folder"):
        Trainer(config, resume=True)
    trainer.run()


def test_a_run_that_fails_frees_its_folder(make_config):
    config = make_config(learning_rate=1e30, schedule="constant", warmup_steps=0)
    for _ in range(2):  # the same error again, not one about another trainer
        with pytest.raises(DataError, match=r"the loss is|not finite"):
            run_quietly(config, resume=True)


def test_checkpoints_without_their_configuration_are_left_alone(make_config):
    # fault 46
    config = make_config()
    run_quietly(config)
    (config.run_dir / "config.json").unlink()
    with pytest.raises(DataError, match=r"holds checkpoints but no config.json"):
        run_quietly(config, resume=True)


def test_weights_that_are_not_finite_are_not_saved(make_config, monkeypatch):
    # fault 42
    config = make_config()

    def spoil():
        variable = trainer._network.variables_by_name["fcn_32s/vgg_16/fc7/biases"]
        variable.assign(variable * np.nan)

    StopAfter(monkeypatch, 4, spoil)
    trainer = Trainer(config)
    with pytest.raises(DataError, match="step 4: weights are not finite"):
        trainer.run()
    assert not (config.run_dir / "checkpoints" / "ckpt-4.index").exists()
    assert (config.run_dir / "checkpoints" / "ckpt-2.index").exists()


def test_a_save_that_fails_leaves_the_earlier_checkpoints(make_config, monkeypatch):
    # fault 45
    config = make_config()
    original = tf.train.CheckpointManager.save

    def full(manager, checkpoint_number=None, **options):
        if checkpoint_number == 4:
            (config.run_dir / "checkpoints" / "ckpt-4_temp").mkdir()
            raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")
        return original(manager, checkpoint_number=checkpoint_number, **options)

    with monkeypatch.context() as patch:
        patch.setattr(tf.train.CheckpointManager, "save", full)
        with pytest.raises(DataError, match=r"saving ckpt-4 failed .No space left on device"):
            run_quietly(config)
    assert not list((config.run_dir / "checkpoints").glob("ckpt-4*"))
    assert run_quietly(config, resume=True).exit_code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_script_finishes_the_step_on_a_signal(make_config, repository, number, code):
    # fault 43
    config = make_config(steps=100_000)
    command = [
        sys.executable,
        repository / "scripts" / "train_fcn32s.py",
        "--tfrecords",
        config.tfrecords,
        "--run-dir",
        config.run_dir,
        "--recipe",
        "shapes",
        "--steps",
        "100000",
        "--batch-size",
        "1",
        "--crop-size",
        "32",
    ]
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    metrics = config.run_dir / "metrics.jsonl"
    deadline = time.monotonic() + 300
    while not (metrics.exists() and metrics.stat().st_size > 300):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == code, output
    assert "finishing this step" in output and "--resume goes on" in output
    last = max(losses(config))
    assert (config.run_dir / "checkpoints" / f"ckpt-{last}.index").exists()
