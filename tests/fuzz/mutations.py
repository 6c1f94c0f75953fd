"""Mutated files: valid bytes with spans flipped, deleted, doubled, inserted, swapped or cut off."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tf_image_segmentation.errors import DataError

EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
"""How many examples each test tries, from a new seed each time; unset: a few, always the same."""

LONGEST_SPAN = 40
MOST_SECONDS = 60
# Numbers that lengths and counts overflow or underflow at.
EDGES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def fuzz(few: int, **strategies: Any) -> Callable[[Callable], Callable]:
    """Runs a test on ``few`` examples of the strategies, or on as many as `EXAMPLES` says."""

    def decorate(test: Callable) -> Callable:
        return settings(
            max_examples=int(EXAMPLES or few),
            derandomize=EXAMPLES is None,
            database=None,
            deadline=None,
            phases=[Phase.generate],  # a failure shows as it is: to shorten it may take minutes
            suppress_health_check=list(HealthCheck),
        )(given(**strategies)(test))

    return decorate


@st.composite
def mutated(draw: st.DrawFn, seeds: Mapping[str, bytes]) -> bytes:
    """One of the seeds after one to four edits."""
    data = seeds[draw(st.sampled_from(sorted(seeds)))]
    for _ in range(draw(st.integers(1, 4))):
        data = draw(edited(data))
    return data


@st.composite
def edited(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes after one edit."""
    start = draw(st.integers(0, max(0, len(data) - 1)))
    end = start + draw(st.integers(1, LONGEST_SPAN))
    span = data[start:end]
    kind = draw(st.sampled_from(["bit", "edge", "delete", "double", "insert", "swap", "cut"]))
    if kind == "bit" and span:
        return data[:start] + bytes([span[0] ^ 1 << draw(st.integers(0, 7))]) + data[start + 1 :]
    if kind == "edge":
        order, width = draw(st.sampled_from(["little", "big"])), draw(st.sampled_from([1, 2, 4, 8]))
        number = draw(st.sampled_from(EDGES)) & (1 << 8 * width) - 1
        return data[:start] + number.to_bytes(width, order) + data[start + width :]
    if kind == "delete":
        return data[:start] + data[end:]
    if kind == "double":
        return data[:end] + span + data[end:]
    if kind == "insert":
        return data[:start] + draw(st.binary(min_size=1, max_size=LONGEST_SPAN)) + data[start:]
    if kind == "swap":
        return data[:start] + span[::-1] + data[end:]
    return data[:start]


def outcome(function: Callable[[], Any], *names: Path | str) -> Any:
    """Returns what the function returns, or None for a `DataError` that has one of the names."""
    try:
        with within(MOST_SECONDS):
            return function()
    except DataError as error:
        assert any(str(name) in str(error) for name in names), f"names no file: {error}"
        return None


@contextlib.contextmanager
def within(seconds: int) -> Iterator[None]:
    """Ends what hangs."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"still at work after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Returns the content of each file below a folder, and None for each folder."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }
