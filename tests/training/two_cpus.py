"""Runs programs on two logical CPUs, which TensorFlow makes before it computes anything."""

from __future__ import annotations

import subprocess
import sys

_HEADER = """
import numpy as np
import tensorflow as tf

cpus = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], cpus)
"""


def run_on_two_cpus(program: str) -> None:
    """Runs a program that finds ``np`` and ``tf`` imported, and fails if it does."""
    command = [sys.executable, "-c", _HEADER + program]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
