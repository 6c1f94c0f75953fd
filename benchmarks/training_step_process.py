"""Measures one contestant in a process of its own; training_step.py starts it and reads its line.

The line is JSON: ``seconds`` of each measured step, and ``peak_mb``, the largest resident memory
that the process had, in MB of 1e6 bytes.
"""

from __future__ import annotations

import importlib
import json
import math
import resource
import sys
import time
from functools import partial
from typing import NamedTuple

from training_step_problem import Problem, Step

from tf_image_segmentation.cli import command_line


class Variant(NamedTuple):
    """Where a contestant's step is made, and the type that its convolutions work in."""

    library: str
    module: str
    dtype: str


STEPS = {
    "classic": Variant("tensorflow", "training_step_classic", "float32"),
    "torch-float32": Variant("torch", "training_step_torch", "float32"),
    "torch-bfloat16": Variant("torch", "training_step_torch", "bfloat16"),
    "ours-float32": Variant("tensorflow", "training_step_ours", "float32"),
    "ours-bfloat16": Variant("tensorflow", "training_step_ours", "bfloat16"),
}
PEAKS = {
    f"peak-{library}-{dtype}": Variant(library, "training_step_peak", dtype)
    for library in ("tensorflow", "torch")
    for dtype in ("float32", "bfloat16")
}
VARIANTS = {**STEPS, **PEAKS}


def _make_step(name: str, problem: Problem) -> Step:
    variant = VARIANTS[name]
    if variant.library == "tensorflow":
        command_line.load_tensorflow()
    if name == "classic":
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # warns of what is asked for here
        tf.compat.v1.disable_v2_behavior()
    module = importlib.import_module(variant.module)
    if name in PEAKS:
        return getattr(module, f"make_{variant.library}_product")(variant.dtype)
    return module.make_step(problem, variant.dtype)


def peak_mb() -> float:
    """Returns the largest resident memory of this process so far, in MB of 1e6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def _measure(step: Step) -> float:
    start = time.perf_counter()
    loss = step()
    seconds = time.perf_counter() - start
    if not math.isfinite(loss):
        raise ArithmeticError(f"the loss is {loss}")
    return seconds


def main() -> None:
    """Warms up, measures, and prints the line."""
    parser = command_line.parser(__doc__)
    add = partial(parser.add_argument, required=True)
    add("--variant", choices=VARIANTS)
    for option in ("--batch-size", "--size", "--steps", "--warmup"):
        add(option, type=int)
    add("--width", type=float)
    args = parser.parse_args()
    step = _make_step(args.variant, Problem(args.batch_size, args.size, args.width))
    seconds = [_measure(step) for _ in range(args.warmup + args.steps)][args.warmup :]
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    command_line.run(main)
