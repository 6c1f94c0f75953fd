"""The fingerprint of a machine: a few training steps on random images, timed."""

from __future__ import annotations

import os
import platform
import re
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tf_image_segmentation.models.network import Network
from tf_image_segmentation.planning.fingerprint import MachineFingerprint
from tf_image_segmentation.training.losses.total import make_loss
from tf_image_segmentation.training.optimizers import make_optimizer
from tf_image_segmentation.training.recipe import Recipe
from tf_image_segmentation.training.step import TrainingStep

_BATCH, _SIDE = 8, 225
_MOST_STEPS, _ENOUGH_SECONDS = 6, 6.0
_BFLOAT16_INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def usual_dtype() -> str:
    """Returns the type that convolutions are faster in, "bfloat16" or "float32"."""
    gpu = _gpu()
    if gpu is not None:
        details = tf.config.experimental.get_device_details(gpu)
        fast = details.get("compute_capability", (0, 0)) >= (8, 0)  # Ampere
    else:
        flags = re.search(r"flags\s*:(.+)", _read(Path("/proc/cpuinfo")))
        fast = flags is not None and bool(_BFLOAT16_INSTRUCTIONS & {*flags[1].split()})
    return "bfloat16" if fast else "float32"


def measure_machine(network: Network) -> MachineFingerprint:
    """Trains a network for a few steps, which changes its weights.

    Args:
        network: of the model that is planned for.
    """
    gpu = _gpu()
    memory, before = _free_memory(gpu), _used_memory(gpu)
    first, seconds, pixels = _time_steps(network)
    return MachineFingerprint(
        device=_name(gpu),
        is_gpu=gpu is not None,
        memory=memory,
        has_bfloat16=usual_dtype() == "bfloat16",
        seconds_per_megapixel=seconds / pixels * 1e6,
        bytes_per_megapixel=max(0, _peak_memory(gpu) - before) / pixels * 1e6,
        first_seconds=first,
    )


def _gpu() -> Any:
    return next(iter(tf.config.list_physical_devices("GPU")), None)


def _time_steps(network: Network) -> tuple[float, float, int]:
    """Returns seconds of the first step beyond those of another, of another, and their pixels."""
    divisor = network.spec.size_divisor
    side = -(-_SIDE // divisor) * divisor
    variables = network.trainable_variables_by_name
    recipe = Recipe(optimizer={"name": "adamw"})  # type: ignore[arg-type]
    loss = make_loss(recipe.loss, None)
    step = TrainingStep(network, make_optimizer(recipe, variables), loss, variables)
    rng = np.random.default_rng(0)
    images = tf.constant(rng.integers(0, 256, (_BATCH, side, side, 3)), tf.float32)
    masks = tf.constant(rng.integers(0, network.num_classes, (_BATCH, side, side)), tf.uint8)
    times: list[float] = []
    while len(times) < 3 or (len(times) < _MOST_STEPS and sum(times[1:]) < _ENOUGH_SECONDS):
        started = time.perf_counter()
        float(step(images, masks))
        times.append(time.perf_counter() - started)
    usual = statistics.median(times[1:])
    return max(0.0, times[0] - usual), usual, _BATCH * side * side


def _name(gpu: Any) -> str:
    if gpu is not None:
        return str(tf.config.experimental.get_device_details(gpu).get("device_name", "GPU"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = re.search(r"model name\s*: (.+)", _read(Path("/proc/cpuinfo")))
    return f"CPU, {cores} cores ({found[1] if found else platform.machine()})"


def _free_memory(gpu: Any) -> int:
    """Returns the bytes that training may use on the device."""
    if gpu is not None:
        from tensorflow.python.client import device_lib

        devices = device_lib.list_local_devices()
        return max(int(each.memory_limit) for each in devices if each.device_type == "GPU")
    found = re.search(r"MemAvailable:\s*(\d+) kB", _read(Path("/proc/meminfo")))
    if found:
        free = int(found[1]) * 1024
    else:
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    limit = _read(_CGROUP_LIMIT).strip()
    return min(free, int(limit)) if limit.isdecimal() else free


def _used_memory(gpu: Any) -> int:
    """Returns the bytes that are used now; where the system does not tell, the most so far.

    What was needed to read a checkpoint is free again, and must not hide what a step needs.
    """
    if gpu is not None:
        return int(tf.config.experimental.get_memory_info("GPU:0")["current"])
    found = re.search(r"VmRSS:\s*(\d+) kB", _read(Path("/proc/self/status")))
    return int(found[1]) * 1024 if found else _peak_memory(gpu)


def _peak_memory(gpu: Any) -> int:
    """Returns the most bytes that were used so far."""
    if gpu is not None:
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
