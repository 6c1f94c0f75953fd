"""Output folders appear whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tf_image_segmentation import atomic
from tf_image_segmentation.atomic import restore
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.manifest import check_output, output_folder


def fill(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_appears_at_the_end_with_usual_permissions(tmp_path: Path) -> None:
    with output_folder(tmp_path / "a" / "out") as folder:
        fill(folder, "new")
        assert not (tmp_path / "a" / "out").exists()
    assert names(tmp_path / "a") == ["out"]
    (tmp_path / "usual").mkdir()
    assert (tmp_path / "a" / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_after_an_error(tmp_path: Path, error: type) -> None:  # fault 31
    out = tmp_path / "out"
    out.mkdir()
    fill(out, "old")
    with pytest.raises(error), output_folder(out, overwrite=True) as folder:
        fill(folder, "new")
        raise error
    assert names(tmp_path) == ["out"]
    assert (out / "manifest.json").read_text() == "old"


def test_existing_output_needs_overwrite(tmp_path: Path) -> None:  # fault 39
    out = tmp_path / "out"
    out.mkdir()
    fill(out, "old")
    with pytest.raises(DataError, match=r"out: exists already; .*--overwrite"):
        check_output(out)
    with output_folder(out, overwrite=True) as folder:
        fill(folder, "new")
        assert (out / "manifest.json").read_text() == "old"
    assert (out / "manifest.json").read_text() == "new"
    assert names(tmp_path) == ["out"]


def test_only_records_are_overwritten(tmp_path: Path) -> None:  # fault 39
    fill(tmp_path, "old")
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DataError, match=r"will not be overwritten.*thesis\.tex"):
        check_output(tmp_path, overwrite=True)
    with pytest.raises(DataError, match="exists and is not a folder"):
        check_output(tmp_path / "thesis.tex", overwrite=True)


def test_an_empty_folder_is_free(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with output_folder(tmp_path / "out") as folder:
        fill(folder, "new")
    assert names(tmp_path / "out") == ["manifest.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    fill(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    with output_folder(tmp_path / "link", overwrite=True) as folder:
        fill(folder, "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "manifest.json").read_text() == "new"


def test_the_second_of_two_leaves_the_first_whole(tmp_path: Path) -> None:  # fault 39
    out = tmp_path / "out"
    with (
        pytest.raises(DataError, match=r"out: exists already"),
        output_folder(out) as second,
    ):
        with output_folder(out) as first:
            fill(first, "first")
        assert second.is_dir(), "a running conversion must not be swept"
        fill(second, "second")
    assert (out / "manifest.json").read_text() == "first"
    assert names(tmp_path) == ["out"]


# Stops in the middle of the work ("partial"), or between the two renames ("renames").
KILLED = """
import sys, time, pathlib
from tf_image_segmentation import atomic
from tf_image_segmentation.tfrecords.manifest import output_folder
out, where = pathlib.Path(sys.argv[1]), sys.argv[2]
def stop(*_):
    print("ready", flush=True)
    time.sleep(60)
with output_folder(out, overwrite=True) as folder:
    (folder / "manifest.json").write_text("new")
    if where == "partial":
        stop()
    atomic._exchange = lambda first, second: False  # as on systems that cannot
    rename = pathlib.Path.rename
    def stop_at_the_second(self, target):
        if "partial" in self.name:
            stop()
        return rename(self, target)
    pathlib.Path.rename = stop_at_the_second
"""


def kill_in(out: Path, where: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(out), where], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_killed_run_is_swept(tmp_path: Path) -> None:  # faults 27, 31
    out = tmp_path / "out"
    kill_in(out, "partial")
    assert not out.exists()
    assert [name[:13] for name in names(tmp_path)] == [".out.partial-"]
    with output_folder(out) as folder:
        fill(folder, "new")
    assert names(tmp_path) == ["out"]


def test_an_output_is_there_at_every_moment_of_its_replacement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fault 31
    probe = tmp_path / "a", tmp_path / "b"
    for folder in probe:
        folder.mkdir()
    if not atomic._exchange(*probe):
        pytest.skip("folders cannot be exchanged in one step here")
    out = tmp_path / "out"
    out.mkdir()
    fill(out, "old")
    monkeypatch.setattr(Path, "rename", None)  # what it would take to move it aside
    with output_folder(out, overwrite=True) as folder:
        fill(folder, "new")
    assert (out / "manifest.json").read_text() == "new"
    assert names(tmp_path) == ["a", "b", "out"]


def test_killed_between_the_renames_is_undone(tmp_path: Path) -> None:  # fault 31
    out = tmp_path / "out"
    out.mkdir()
    fill(out, "old")
    kill_in(out, "renames")
    assert not out.exists()
    restore(out)
    assert (out / "manifest.json").read_text() == "old"
    with output_folder(out, overwrite=True) as folder:
        fill(folder, "new")
    assert names(tmp_path) == ["out"]


def test_restore_waits_for_a_running_replacement(tmp_path: Path) -> None:  # fault 39
    out = tmp_path / "out"
    out.mkdir()
    fill(out, "old")
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED.replace("60", "1"), str(out), "renames"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    start = time.monotonic()
    restore(out)
    assert time.monotonic() - start > 0.5
    assert process.wait() == 0
    process.stdout.close()
    assert (out / "manifest.json").read_text() == "new"


def test_works_where_folders_cannot_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / ".out.partial-00000000").mkdir()
    with output_folder(tmp_path / "out") as folder:
        fill(folder, "new")
    # Nobody can tell whether its owner is alive.
    assert names(tmp_path) == [".out.partial-00000000", "out"]


def test_root_is_no_output_folder() -> None:
    with pytest.raises(DataError, match="cannot be an output folder"):
        check_output(Path(os.sep), overwrite=True)
