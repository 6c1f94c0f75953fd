"""Temporary folders go away, also those of processes that were killed."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tf_image_segmentation.atomic import staging_folder

PROGRAM = """
import sys, time
from pathlib import Path
from tf_image_segmentation.atomic import staging_folder

with staging_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("done")
    print(folder, flush=True)
    time.sleep(60)
"""


def test_removed_at_the_end_and_on_errors(tmp_path):
    with staging_folder(tmp_path / "data") as folder:
        (folder / "file").touch()
        assert folder.parent == tmp_path / "data"
    with pytest.raises(KeyboardInterrupt), staging_folder(tmp_path / "data"):
        raise KeyboardInterrupt
    assert not list((tmp_path / "data").iterdir())


def test_a_killed_process_leaves_nothing_for_long(tmp_path):
    # fault 27
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        abandoned = process.stdout.readline().strip()
        with staging_folder(tmp_path) as folder:
            # Still at work: not ours to remove.
            names = {path.name for path in tmp_path.iterdir()}
            assert names == {folder.name, abandoned.rsplit("/", 1)[1]}
        process.send_signal(signal.SIGKILL)
        process.wait()
    with staging_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
