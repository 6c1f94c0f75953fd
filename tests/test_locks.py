"""A folder is for one process at a time."""

from __future__ import annotations

import os

import pytest

from tf_image_segmentation import locks
from tf_image_segmentation.atomic import write_text
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.locks import FolderLock


def test_a_locked_folder_says_who_holds_it(tmp_path):
    # fault 52
    with FolderLock(tmp_path, "wait for it"):
        with pytest.raises(DataError) as error:
            FolderLock(tmp_path, "wait for it")
        assert str(error.value).startswith(f"{tmp_path}: process {os.getpid()} on ")
        assert str(error.value).endswith(" is writing to this folder; wait for it")
    FolderLock(tmp_path, "wait for it").close()


def test_a_system_without_locks_is_refused_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    with pytest.raises(DataError, match="this system has no file locks"):
        FolderLock(tmp_path, "wait for it")
    with pytest.raises(DataError, match="use Linux, macOS, or WSL"):
        write_text(tmp_path / "a.json", "one")
    assert not list(tmp_path.iterdir())
