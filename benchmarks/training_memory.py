"""Takes many steps of training and shows the resident memory as they go (Linux).

A step that leaves something behind shows as memory that keeps growing. The network is thin and the
images are small by default: that takes a minute and not an hour, the same code runs, and a leak is
not lost beside gigabytes of weights. `--size 384 --width 1` is the size of training_step.py.

    python benchmarks/training_memory.py --steps 1000
"""

from __future__ import annotations

import os
from pathlib import Path

from training_step_problem import Problem
from training_step_process import peak_mb

from tf_image_segmentation.cli import command_line


def resident_mb() -> float:
    """Returns the memory of this process that is resident now, in MB of 1e6 bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Parses the command line, takes the steps and prints the memory at intervals."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--steps", type=int, default=1000, help="steps to take")
    add("--interval", type=int, default=100, help="steps between two lines")
    add("--batch-size", type=int, default=4, help="images in a step")
    add("--size", type=int, default=64, help="side of the images, a multiple of 32")
    add("--width", type=float, default=0.125, help="thins the network")
    add("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the convolutions")
    args = parser.parse_args()

    command_line.load_tensorflow()
    import training_step_ours

    problem = Problem(args.batch_size, args.size, args.width)
    step = training_step_ours.make_step(problem, args.dtype)
    print(f"{'step':>8}{'resident MB':>14}", flush=True)
    for number in range(1, args.steps + 1):
        step()
        if number == 1 or number % args.interval == 0:
            print(f"{number:>8}{resident_mb():>14.1f}", flush=True)
    print(f"peak {peak_mb():.1f} MB")


if __name__ == "__main__":
    command_line.run(main)
