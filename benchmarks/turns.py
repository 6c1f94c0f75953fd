"""Lets the contestants of a benchmark take turns, each in a process, and prints what they took.

Turns rather than one after the other: a change in the machine's load hits all of them alike.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar


class Timed(Protocol):
    """What a turn returns."""

    @property
    def seconds(self) -> float:
        """How long it took, which is printed."""


T = TypeVar("T", bound=Timed)


class Turn(NamedTuple):
    """What one turn took: seconds by the clock, and seconds of all cores together."""

    seconds: float
    cpu_seconds: float


Turns = Mapping[str, Sequence[Turn]]


def installed(library: str, variants: str) -> bool:
    """Tells whether ``library`` is there, and says on stderr what is left out without it."""
    if importlib.util.find_spec(library) is not None:
        return True
    print(
        f"left out: {variants}; {library} is not installed "
        "(pip install -r benchmarks/requirements.txt)",
        file=sys.stderr,
    )
    return False


def run_process(program: str, **options: Any) -> Any:
    """Runs a program of this folder and returns what its last line holds, which is JSON.

    Its own messages go to stderr.

    Args:
        program: name of the file.
        options: of its command line; True gives the name alone, and False is left out.
    """
    words = []
    for option, value in options.items():
        if value is not False:
            words += [f"--{option.replace('_', '-')}", *([] if value is True else [str(value)])]
    command = [sys.executable, str(Path(__file__).with_name(program)), *words]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if process.returncode:
        sys.exit(f"error: {' '.join([program, *words])}: exit code {process.returncode}")
    return json.loads(process.stdout.splitlines()[-1])


def take_turns(variants: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Returns what each variant returned in each round."""
    turns: dict[str, list[T]] = {name: [] for name in variants}
    for number in range(1, rounds + 1):
        for name, run in variants.items():
            turns[name].append(run())
            seconds = turns[name][-1].seconds
            print(f"round {number}/{rounds}: {name}: {seconds:.3f} s", file=sys.stderr, flush=True)
    return turns


def print_table(title: str, turns: Turns, images: int, reference: str) -> None:
    """Prints a row a variant, in medians.

    Args:
        title: printed above.
        turns: by variant.
        images: how many each turn worked on.
        reference: the variant that the others are compared with: how many times as long they took,
            and in brackets least and most of the rounds' own ratios.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("variant")
    for column in ("median s", "min", "max", "images/s", "images/s a core", f"x {reference}"):
        table.add_column(column, justify="right")
    for name, taken in turns.items():
        seconds = [turn.seconds for turn in taken]
        median = statistics.median(seconds)
        table.add_row(
            name,
            *(f"{s:.2f}" for s in (median, min(seconds), max(seconds))),
            f"{images / median:.1f}",
            f"{images / statistics.median(turn.cpu_seconds for turn in taken):.1f}",
            _ratio(seconds, [turn.seconds for turn in turns[reference]]),
        )
    # Wide enough for all columns where the output is a file.
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def _ratio(seconds: Sequence[float], reference: Sequence[float]) -> str:
    if seconds == reference:
        return "-"
    rounds = [own / theirs for own, theirs in zip(seconds, reference, strict=True)]
    median = statistics.median(seconds) / statistics.median(reference)
    return f"{median:.2f} [{min(rounds):.2f} {max(rounds):.2f}]"
