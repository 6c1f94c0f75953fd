"""The folder of a search: its lines, its lock and its identity."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation import ConfusionMatrix
from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.tuning import cache
from tf_image_segmentation.tuning.folder import Score, open_folder

IDENTITY = {"checkpoint": "model-4, SHA-256 ab", "images": None, "scales": (1.0, 0.5)}


def open_it(path, **changed):
    return open_folder(path, {**IDENTITY, **changed}, num_classes=3, ignore_label=255)


def some_score(seed):
    rng = np.random.default_rng(seed)
    matrix = ConfusionMatrix(3, 255)
    matrix.update(rng.choice([0, 1, 2, 255], (8, 9)), rng.integers(0, 3, (8, 9)))
    return Score(matrix, seconds=1.25 + seed, images=2)


def assert_same(found, expected):
    np.testing.assert_array_equal(found.matrix.matrix, expected.matrix.matrix)
    assert found.matrix.ignored_pixels == expected.matrix.ignored_pixels
    assert (found.seconds, found.images) == (expected.seconds, expected.images)


@pytest.fixture
def two_lines(tmp_path):
    with open_it(tmp_path / "search") as folder:
        folder.add(0, None, "round 1", some_score(0))
        folder.add(1, CrfParameters(), "round 1", some_score(1))
    return tmp_path / "search"


def test_what_was_added_is_there_when_opened_again(two_lines):
    with open_it(two_lines) as folder:
        assert list(folder.scores) == [(0, "round 1"), (1, "round 1")]
        for number in (0, 1):
            assert_same(folder.scores[number, "round 1"], some_score(number))


def test_a_line_says_what_was_tried_and_what_it_reached(two_lines):
    first, second = map(json.loads, (two_lines / "trials.jsonl").read_text().splitlines())
    assert first["parameters"] is None
    assert second["parameters"]["bilateral_sxy"] == 80
    matrix = np.array(second["confusion_matrix"])
    assert second["metrics"]["pixel_accuracy"] == np.trace(matrix) / matrix.sum()
    assert (second["seconds"], second["images"], second["part"]) == (2.25, 2, "round 1")


def test_a_score_of_images_without_labels_has_no_metrics(two_lines):
    empty = Score(ConfusionMatrix(3, 255), 1.0, 1)
    with open_it(two_lines) as folder:
        folder.add(2, None, "round 1", empty)
    with open_it(two_lines) as folder:
        assert_same(folder.scores[2, "round 1"], empty)


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_last_line_that_a_kill_has_cut_is_left_out(two_lines, kept):
    file = two_lines / "trials.jsonl"
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + second[:kept])
    with open_it(two_lines) as folder:
        assert list(folder.scores) == [(0, "round 1")]
        folder.add(1, CrfParameters(), "round 1", some_score(1))
    assert file.read_bytes() == first + second


@pytest.mark.parametrize(
    "damage", [(b'"trial"', b'"trail"'), (b"{", b"["), (b'"confusion_matrix": [[', b'"c": [[')]
)
def test_another_damaged_line_is_named(two_lines, damage):
    file = two_lines / "trials.jsonl"
    file.write_bytes(file.read_bytes().replace(*damage, 1))
    with pytest.raises(DataError, match=r"trials\.jsonl, line 1: not a trial .* take the line out"):
        open_it(two_lines).__enter__()


def test_lines_of_other_classes_are_refused(two_lines):
    with (
        pytest.raises(DataError, match=r"line 1: not a trial .*shape \(3, 3\)"),
        open_folder(two_lines, IDENTITY, num_classes=4, ignore_label=255),
    ):
        pass


def test_another_search_is_refused_with_what_differs(two_lines):
    before = (two_lines / "search.json").read_bytes()
    with pytest.raises(DataError) as error:
        open_it(two_lines, images=7, seed=3).__enter__()
    message = str(error.value)
    assert message.startswith(f"{two_lines}: cannot go on with this search")
    assert "\n  images: None before, 7 now\n  seed: None before, 3 now\n" in message
    assert "checkpoint" not in message and "scales" not in message
    assert (two_lines / "search.json").read_bytes() == before


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "precious.txt").write_text("precious")
    with pytest.raises(DataError, match=r"holds precious\.txt but no search\.json"):
        open_it(tmp_path).__enter__()
    with pytest.raises(DataError, match="is a file; name a folder with --output-dir"):
        open_it(tmp_path / "precious.txt").__enter__()
    (tmp_path / "search.json").write_text("{")
    with pytest.raises(DataError, match=r"search\.json: not readable"):
        open_it(tmp_path).__enter__()


LOCKING = """
import fcntl, sys
lock = open(sys.argv[1], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_folder_is_for_one_process_at_a_time(two_lines):
    command = [sys.executable, "-c", LOCKING, str(two_lines / ".lock")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(DataError, match="another process is writing to this folder"):
            open_it(two_lines).__enter__()
        other.kill()
    with open_it(two_lines) as folder:
        assert len(folder.scores) == 2


def test_scores_add_up():
    total = some_score(0) + some_score(1)
    expected = some_score(0).matrix.matrix + some_score(1).matrix.matrix
    np.testing.assert_array_equal(total.matrix.matrix, expected)
    assert (total.seconds, total.images) == (3.5, 4)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(OSError, match="full"), cache.replacing(tmp_path / "file") as temporary:
        temporary.write_text("ne")
        raise OSError("disk full")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
