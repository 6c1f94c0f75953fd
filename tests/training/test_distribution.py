"""Several devices and several processes train what one device trains."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import losses, run_quietly

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import Network
from tf_image_segmentation.training.distribution import Workers, make_strategy

WORKER = Path(__file__).parent / "worker.py"
# Dropout is drawn anew for each replica, so that it is left out where replicas are compared.
OPTIONS = {"width_multiplier": 0.05, "fc_channels": 128, "fc6_kernel": 1, "dropout_keep_prob": 1.0}


@pytest.fixture(scope="module")
def one_device(tmp_path_factory, make_config_in):
    """A finished run on one device."""
    make_config = make_config_in(tmp_path_factory.mktemp("one_device"), val_count=3)
    config = make_config(model_options=OPTIONS)
    run_quietly(config)
    return config


def start(strategy, config, *at, **environment) -> subprocess.Popen:
    command = [sys.executable, str(WORKER), strategy, json.dumps(config.to_json()), *map(str, at)]
    return subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_ports(count: int) -> list[int]:
    """Below the range that systems give out themselves, so that they stay free until used."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("localhost", port))
            found.append(port)
    return found


def run_two_workers(config, *at, victim=1, others_config=None) -> list[tuple[int, str]]:
    """Returns exit code and error output of the chief and the second worker.

    Worker ``victim`` sends itself a signal, ``at`` the given step and of the given number. The
    second worker trains as ``others_config`` says, if given.
    """
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    processes = []
    for index in range(2):
        tf_config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        own = at if index == victim else ()
        own_config = others_config if index and others_config else config
        processes.append(start("multi_worker", own_config, *own, TF_CONFIG=tf_config))
    try:
        outputs = [process.communicate(timeout=240) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(p.returncode, out[1][-3000:]) for p, out in zip(processes, outputs, strict=True)]


def validations(config) -> list[dict]:
    lines = (config.run_dir / "metrics.jsonl").read_text().splitlines()
    found = [line for line in map(json.loads, lines) if "val_mean_iou" in line]
    return [{name: line[name] for name in line if name != "seconds"} for line in found]


def assert_same_run(config, expected) -> None:
    # Three validation images do not divide by two workers; each is counted once all the same.
    assert losses(config).keys() == losses(expected).keys()
    np.testing.assert_allclose(
        list(losses(config).values()), list(losses(expected).values()), rtol=1e-5
    )
    for found, wanted in zip(validations(config), validations(expected), strict=True):
        assert found == pytest.approx(wanted, abs=1e-3)
    weights, other = (
        Network.from_checkpoint(c.run_dir / "model/last").variables_by_name
        for c in (config, expected)
    )
    for name, weight in weights.items():
        np.testing.assert_allclose(weight, other[name], atol=1e-5, err_msg=name)


def test_two_devices_of_one_process(one_device, tmp_path):
    config = replace(one_device, run_dir=tmp_path / "run")
    process = start("mirrored", config, LOGICAL_CPUS="2")
    try:
        errors = process.communicate(timeout=240)[1]
    finally:
        process.kill()
    assert process.returncode == 0, errors[-3000:]
    assert_same_run(config, one_device)
    stored = json.loads((config.run_dir / "config.json").read_text())
    assert stored["environment"]["replicas"] == 2


def test_two_processes_through_a_kill_and_a_stop(one_device, tmp_path):
    """Killed in step 3, stopped in step 5, and in the end the same as one undisturbed device."""
    config = replace(one_device, run_dir=tmp_path / "run")
    (code, errors), (killed, _) = run_two_workers(config, 3, signal.SIGKILL.value)
    assert killed == -signal.SIGKILL
    assert code == 1, errors
    assert "another worker is gone" in errors
    assert "start all workers again with --resume" in errors
    assert sorted(losses(config)) == [1, 2]
    # A signal to one worker stops all of them, at the same step.
    for code, errors in run_two_workers(config, 5, signal.SIGTERM.value):
        assert code == 128 + signal.SIGTERM, errors
    assert (config.run_dir / "checkpoints/ckpt-5.index").exists()
    assert_same_run(finished(config), one_device)


def finished(config):
    """Goes on with two workers to the end."""
    for code, errors in run_two_workers(config):
        assert code == 0, errors
    return config


def test_a_killed_chief_ends_the_other_worker_and_one_process_can_go_on(one_device, tmp_path):
    config = replace(one_device, run_dir=tmp_path / "run")
    (killed, _), (code, errors) = run_two_workers(config, 4, signal.SIGKILL.value, victim=0)
    assert killed == -signal.SIGKILL
    assert code != 0, errors
    assert run_quietly(config, resume=True).exit_code == 0
    assert_same_run(config, one_device)


def test_workers_with_different_options_do_not_start(one_device, tmp_path):
    config = replace(one_device, run_dir=tmp_path / "run")
    other = replace(config, recipe=config.recipe.with_changes(["learning_rate=0.5"]))
    for code, errors in run_two_workers(config, others_config=other):
        assert code == 1, errors
        assert "workers differ in their options or data" in errors
    assert not config.run_dir.exists()


def test_one_process_is_the_chief_and_its_own_sum():
    workers = Workers(tf.distribute.get_strategy())
    assert (workers.index, workers.count, workers.is_chief) == (0, 1, True)
    np.testing.assert_array_equal(workers.sum(np.arange(3)), [0, 1, 2])
    assert workers.from_chief(7) == 7
    assert workers.any(True) and not workers.any(False)


def test_workers_without_a_description_of_the_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS", raising=False)
    with pytest.raises(DataError, match="set TF_CONFIG in each process, or start them with srun"):
        make_strategy("multi_worker")


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "[]",
        "{}",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"task": {"type": "worker"}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}',
    ],
)
def test_an_unusable_tf_config_is_named(monkeypatch, value):
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(DataError, match="TF_CONFIG: "):
        make_strategy("multi_worker")


def test_slurm_variables_become_a_cluster(monkeypatch):
    seen = {}

    def strategy(cluster_resolver):
        seen["cluster"] = cluster_resolver.cluster_spec().as_dict()
        seen["task"] = (cluster_resolver.task_type, cluster_resolver.task_id)

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", strategy)
    monkeypatch.setenv("TF_CONFIG", "")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    for name, value in {
        "JOB_ID": "20007",
        "PROCID": "2",
        "STEP_NUM_TASKS": "3",
        "STEP_NODELIST": "gpu[9-10]",
        "STEP_TASKS_PER_NODE": "2,1",
    }.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    make_strategy("multi_worker")
    assert seen["cluster"] == {"worker": ["gpu9:12140", "gpu9:12141", "gpu10:12140"]}
    assert seen["task"] == ("worker", 2)
    # Which GPU a task sees is for Slurm to say.
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"


def test_slurm_variables_that_do_not_fit_together(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    monkeypatch.delenv("SLURM_PROCID", raising=False)
    with pytest.raises(DataError, match="Slurm step do not fit together"):
        make_strategy("multi_worker")
