"""Files appear whole, and temporary ones go away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tf_image_segmentation import atomic
from tf_image_segmentation.atomic import place, replacing, staging_folder, write_text

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


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    write_text(tmp_path / "a.json", "one")
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "a.json") as temporary:
        temporary.write_text("ha")
        raise KeyboardInterrupt
    assert (tmp_path / "a.json").read_text() == "one"
    (tmp_path / ".a.json.partial-0123abcd").write_text("what a killed process left")
    (tmp_path / ".b.json.partial-0123abcd").write_text("of another file")
    write_text(tmp_path / "a.json", "two")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".b.json.partial-0123abcd", "a.json"]
    assert (tmp_path / "a.json").read_text() == "two"


@pytest.mark.parametrize("files", [2, 300])
def test_content_reaches_the_disk_before_the_name(tmp_path, monkeypatch, files):
    # fault 63
    events = []
    folder, target = tmp_path / "new", tmp_path / "final"
    folder.mkdir()
    for number in range(files):
        (folder / f"{number}").touch()

    def fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink()
        events.append((name.relative_to(tmp_path), target.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "sync", lambda: events.append(("all", target.exists())))
    place(folder, target)
    before = {name for name, renamed in events if not renamed}
    assert before == ({Path("new"), Path("new/0"), Path("new/1")} if files == 2 else {"all"})
    assert [name for name, renamed in events if renamed] == [Path()]


def test_a_failing_disk_is_an_error_and_keeps_the_old_file(tmp_path, monkeypatch):
    write_text(tmp_path / "a.json", "one")

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        write_text(tmp_path / "a.json", "two")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "one"


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_takes_the_place_of_another(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(atomic, "_exchange", lambda first, second: False)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    with staging_folder(tmp_path) as staging:
        (staging / "new").mkdir()
        (staging / "new" / "new").touch()
        place(staging / "new", tmp_path / "out")
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["out", "out/new"]


def test_a_file_is_replaced_inside_a_temporary_folder_of_this_process(tmp_path):
    with staging_folder(tmp_path) as staging:
        write_text(staging / "a.txt", "one")
        write_text(staging / "a.txt", "two")
        assert (staging / "a.txt").read_text() == "two"
        assert [path.name for path in staging.iterdir()] == ["a.txt"]
