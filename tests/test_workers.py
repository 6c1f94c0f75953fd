"""Work in worker processes: order, errors, and what a worker loads."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.workers import map_in_order

# A program of its own, because a worker also imports the main program of its parent.
PROGRAM = """
import os, sys, time
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.workers import map_in_order

def encode(number):
    time.sleep(0.01 * (number % 3))
    if number == 5:
        raise DataError("five")
    return number, os.getpid(), "tensorflow" in sys.modules

def die(number):
    os._exit(1)

def sleep(number):
    print("working", os.getppid(), os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    try:
        results = list(map_in_order(range(30), globals()[sys.argv[1]], 2))
    except DataError as error:
        sys.exit(str(error))
    assert [r[0] for r in results if not isinstance(r, DataError)] == [*range(5), *range(6, 30)]
    assert str(results[5]) == "five"
    assert len({r[1] for r in results if not isinstance(r, DataError)}) == 2
    assert not any(r[2] for r in results if not isinstance(r, DataError))
"""


@pytest.fixture
def program(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(repository))
    return path


def run(program: Path, function: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(program), function], capture_output=True, text=True, check=False
    )


def test_order_errors_and_no_tensorflow_in_workers(program: Path) -> None:
    result = run(program, "encode")
    assert result.returncode == 0, result.stderr


def test_a_worker_that_dies_is_reported(program: Path) -> None:
    result = run(program, "die")
    assert result.returncode == 1
    assert "a worker process died" in result.stderr
    assert "--workers 1" in result.stderr


def alive(process_id: int) -> bool:
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return False
    return "State:\tZ" not in status


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_workers_end_when_their_parent_is_killed(program: Path) -> None:  # fault 31
    command = [sys.executable, str(program), "sleep"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        workers = [int(process.stdout.readline().split()[2]) for _ in range(2)]
        process.kill()
    deadline = time.monotonic() + 10
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))


def test_one_worker_is_this_process() -> None:
    def encode(sample: object) -> object:
        if sample == 1:
            raise DataError("one")
        return os.getpid()

    results = list(map_in_order([0, 1, 2], encode, 1))  # type: ignore[list-item, arg-type]
    assert results[0] == results[2] == os.getpid()  # type: ignore[comparison-overlap]
    assert str(results[1]) == "one"
