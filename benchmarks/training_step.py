"""Times a step of training FCN-32s against the classic graph and against PyTorch.

One step is forward, loss, backward and Adam's update, dropout on, on a batch that lies in memory
(training_step_problem.py). The contestants:

    classic  session of TensorFlow 1, dense transposed convolution, one-hot labels, v1 Adam
    torch    PyTorch on the CPU: channels last, bilinear interpolate, fused Adam, autocast
    ours     this package, as its trainer does it
    peak     one large matrix product, of TensorFlow and of PyTorch; the fastest is the peak

Each runs in a process of its own, one after another, round after round, so that a change in the
machine's load hits all alike. It still does not slow all alike: PyTorch's threads wait for each
other after every operation and lose the most, so believe ratios from a quiet machine alone.

The table has seconds over all steps of all rounds (median, least, most); how many times as fast as
the classic step and as PyTorch's of the same type it is (medians, and in brackets least and most of
the rounds' own ratios); GFLOP/s of the median, counting only what convolutions need (formula in
`Problem.flop`); the share of the peak in the same type; and the largest resident memory. PyTorch
is optional: pip install -r benchmarks/requirements.txt

    python benchmarks/training_step.py
    python benchmarks/training_step.py --variants classic ours-float32 --batch-sizes 1 --rounds 5
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from training_step_peak import FLOP as PEAK_FLOP
from training_step_problem import STRIDE, Problem
from training_step_process import PEAKS, STEPS, VARIANTS
from turns import installed, run_process, take_turns

from tf_image_segmentation.cli import command_line


class Turn(NamedTuple):
    """What a process of a contestant measured: seconds of its steps, and its largest memory."""

    steps: list[float]
    peak_mb: float

    @property
    def seconds(self) -> float:
        """The median of its steps."""
        return statistics.median(self.steps)


@dataclass
class Measured:
    """What the processes of one contestant measured: seconds of the steps of each round."""

    rounds: list[list[float]]
    peak_mb: float = 0.0

    @property
    def seconds(self) -> list[float]:
        """The seconds of all steps."""
        return list(itertools.chain.from_iterable(self.rounds))

    @property
    def median(self) -> float:
        """The median over all steps."""
        return statistics.median(self.seconds)


# By batch size, then by name; products of matrices are kept under batch size 0.
Results = Mapping[int, dict[str, Measured]]


def parse_arguments() -> Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="what to run")
    add("--batch-sizes", type=int, nargs="+", default=[1, 4], help="images in a step")
    add("--rounds", type=int, default=3, help="how often each contestant has its turn")
    add("--steps", type=int, default=5, help="steps that a process measures")
    add("--warmup", type=int, default=2, help="steps before those")
    add(
        "--size", type=int, default=Problem.size, help=f"side of the images, a multiple of {STRIDE}"
    )
    add("--width", type=float, default=Problem.width, help="thins the network, to test this script")
    args = parser.parse_args()
    if args.size % STRIDE or args.size <= 0:
        parser.error(f"--size {args.size}: must be a positive multiple of {STRIDE}")
    least = {"rounds": 1, "steps": 1, "warmup": 0, "batch_sizes": 1}
    for option, count in least.items():
        if np.min(getattr(args, option)) < count:
            parser.error(f"--{option.replace('_', '-')} must be at least {count}")
    return args


def available(names: Sequence[str]) -> list[str]:
    """Returns the contestants whose library is installed, and says which are left out."""
    optional = [name for name in names if VARIANTS[name].library == "torch"]
    if not optional or installed("torch", ", ".join(optional)):
        return list(names)
    return [name for name in names if name not in optional]


def run_turn(name: str, batch_size: int, args: Namespace) -> Turn:
    """Runs one contestant."""
    options = {option: getattr(args, option) for option in ("size", "steps", "warmup", "width")}
    program = "training_step_process.py"
    answer = run_process(program, variant=name, batch_size=batch_size, **options)
    return Turn(answer["seconds"], answer["peak_mb"])


def measure(names: Sequence[str], args: Namespace) -> Results:
    """Lets all contestants take turns."""
    contestants = {name: (0, name) for name in names if name in PEAKS}
    for size in args.batch_sizes:
        contestants |= {f"batch {size}, {name}": (size, name) for name in names if name in STEPS}
    runs = {
        title: partial(run_turn, name, size or 1, args)
        for title, (size, name) in contestants.items()
    }
    results: Results = defaultdict(dict)
    for title, turns in take_turns(runs, args.rounds).items():
        size, name = contestants[title]
        peak_mb = max(turn.peak_mb for turn in turns)
        results[size][name] = Measured([turn.steps for turn in turns], peak_mb)
    return results


def find_peaks(products: Mapping[str, Measured]) -> dict[str, float]:
    """Returns the most FLOP/s of any product, by type."""
    peaks: dict[str, float] = {}
    for name, measured in products.items():
        dtype = VARIANTS[name].dtype
        peaks[dtype] = max(peaks.get(dtype, 0.0), PEAK_FLOP / min(measured.seconds))
    return peaks


def ratio(measured: Measured, reference: Measured | None) -> str:
    """Says how many times as fast as ``reference`` something is, and how much rounds differ."""
    if reference is None or reference is measured:
        return "-"
    pairs = zip(measured.rounds, reference.rounds, strict=True)
    rounds = [statistics.median(theirs) / statistics.median(own) for own, theirs in pairs]
    return f"{reference.median / measured.median:.2f} [{min(rounds):.2f} {max(rounds):.2f}]"


def step_rows(results: Results, args: Namespace) -> Iterator[list[str]]:
    """Yields the cells of each step's row."""
    peaks = find_peaks(results[0])
    for batch_size in args.batch_sizes:
        by_name = results[batch_size]
        flop = Problem(batch_size, args.size, args.width).flop()
        for name, measured in by_name.items():
            dtype, speed = VARIANTS[name].dtype, flop / measured.median
            yield [
                f"{batch_size}",
                name,
                *_seconds(measured),
                ratio(measured, by_name.get("classic")),
                ratio(measured, by_name.get(f"torch-{dtype}")),
                f"{speed / 1e9:.0f}",
                f"{speed / peaks[dtype]:.0%}" if dtype in peaks else "-",
                f"{measured.peak_mb:.0f}",
            ]


def peak_rows(products: Mapping[str, Measured]) -> Iterator[list[str]]:
    """Yields the cells of each product's row; its speed is that of the fastest run."""
    for name, measured in products.items():
        speed = PEAK_FLOP / min(measured.seconds)
        yield ["", name, *_seconds(measured), "-", "-", f"{speed / 1e9:.0f}", "-", "-"]


def _seconds(measured: Measured) -> list[str]:
    seconds = measured.seconds
    return [f"{s:.3f}" for s in (measured.median, min(seconds), max(seconds))]


def print_table(results: Results, args: Namespace) -> None:
    """Prints all rows."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    title = f"FCN-32s, {args.size}x{args.size}, {Problem.classes} classes, Adam"
    if args.width != 1:
        title += f", width {args.width}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    table.add_column("batch", justify="right")
    table.add_column("variant", no_wrap=True)
    columns = (
        "median s",
        "min",
        "max",
        "speed/classic",
        "speed/torch",
        "GFLOP/s",
        "of peak",
        "peak MB",
    )
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for row in [*step_rows(results, args), *peak_rows(results[0])]:
        table.add_row(*row)
    # Wider than many a window, but a cell that is cut off is worth nothing.
    Console(width=140, highlight=False, markup=False).print(table)


def main() -> None:
    """Measures and prints."""
    args = parse_arguments()
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores / 4:
        print(f"warning: load average {load:.1f}; times and ratios will be off", file=sys.stderr)
    print_table(measure(available(args.variants), args), args)


if __name__ == "__main__":
    command_line.run(main)
