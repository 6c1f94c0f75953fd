"""Runs scripts inside the test process, where TensorFlow is loaded already."""

from __future__ import annotations

import runpy
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run_script(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Result]]:
    """run_script("name.py", option, ...) -> exit code, stdout and stderr."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(name: str, *arguments: Any) -> Result:
        path = str(repository / "scripts" / name)
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            runpy.run_path(path, run_name="__main__")
        stdout, stderr = capsys.readouterr()
        if isinstance(exit_.value.code, str):  # what the interpreter prints as it ends
            return Result(1, stdout, f"{stderr}{exit_.value.code}\n")
        return Result(exit_.value.code or 0, stdout, stderr)

    yield run
    signal.signal(signal.SIGTERM, handler)
