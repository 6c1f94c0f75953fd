"""SIGKILL at any moment of a conversion: no bytes are lost, and none are wrong."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

TRIES = 30


# faults 27, 31
def test_sigkill_at_random_moments_of_a_conversion(tmp_path: Path) -> None:
    program = Path(__file__).with_name("killed_conversions.py")
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path), str(TRIES)],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    # What a try leaves behind is checked there, and so is that a run after it gives the same bytes
    # as one that nobody disturbed.
    found = Counter(done.stdout.split("\n")[:-1])
    assert found.total() - found["new"] == TRIES
    assert found["partial old"] + found["partial nothing"] >= TRIES // 2, found
