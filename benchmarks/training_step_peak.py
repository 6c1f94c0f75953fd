"""One large matrix product, which is as fast as this machine computes."""

from __future__ import annotations

import os

import numpy as np
from training_step_problem import Step

SIDE = 4096
FLOP = 2.0 * SIDE**3


def _factors() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, SIDE, SIDE), np.float32)


def make_tensorflow_product(dtype: str) -> Step:
    """Returns a matrix product of TensorFlow in ``dtype``."""
    import tensorflow as tf

    left, right = (tf.cast(factor, dtype) for factor in _factors())
    product = tf.function(tf.matmul, autograph=False)
    return lambda: float(product(left, right)[0, 0])


def make_torch_product(dtype: str) -> Step:
    """Returns a matrix product of PyTorch in ``dtype``."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    left, right = torch.from_numpy(_factors()).to(getattr(torch, dtype))
    return lambda: float((left @ right)[0, 0])
