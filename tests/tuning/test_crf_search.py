"""The search against a slow one, stopped at any place, and its folder."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.boundary_f1 import BoundaryF1
from tf_image_segmentation.inference.crf import CrfParameters, refine
from tf_image_segmentation.tuning import search as search_module
from tf_image_segmentation.tuning.predictions import Refined, Task, load, prediction_file, store
from tf_image_segmentation.tuning.search import Images, open_search

CLASSES, VOID = 3, 255
IDENTITY = {"checkpoint": "model-4, SHA-256 ab", "images": None, "scales": (1.0, 0.5)}
SETS = [
    None,
    CrfParameters(),
    CrfParameters(1.0, 1.0, 5.0, 10.0, 2.0, 2),
    CrfParameters(1.0, 0.5, 10.0, 5.0, 0.0, 3),
]
MANY = [None, *(CrfParameters(bilateral_sxy=float(q)) for q in (80, 20, 60, 10, 40))]


def open_it(path, **changed):
    return open_search(path, {**IDENTITY, **changed}, CLASSES, VOID)


def some_image(number):
    """An image of areas with a color each, their labels, and doubtful probabilities of these."""
    rng = np.random.default_rng(number)
    mask = rng.integers(0, CLASSES, (5, 4)).repeat(4, axis=0).repeat(6, axis=1).astype(np.uint8)
    image = np.stack([80 * mask + 20] * 3, axis=-1).astype(np.uint8)
    logits = 2 * np.eye(CLASSES)[mask] + rng.normal(0, 1.5, (*mask.shape, CLASSES))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    mask[:2] = VOID
    return image, mask, probabilities.astype(np.float16)


def fill(search, count):
    for number in range(count):
        image, mask, probabilities = some_image(number)
        labels = probabilities.argmax(axis=-1).astype(np.uint8)
        store(prediction_file(search.predictions, number), image, mask, labels, probabilities)


def slow_counts(parameters, images):
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    for number in images:
        image, mask, probabilities = some_image(number)
        if parameters is not None:
            probabilities = refine(image, probabilities, parameters)
        for true, guess in zip(mask.ravel(), probabilities.argmax(-1).ravel(), strict=True):
            if true != VOID:
                counts[true, guess] += 1
    return counts


def slow_mean_iou(counts):
    right = np.diag(counts)
    return (right / (counts.sum(axis=0) + counts.sum(axis=1) - right)).mean()


def test_a_search_finds_what_trying_all_finds(tmp_path):
    pytest.importorskip("pydensecrf")
    images = Images.split(6, 4)
    with open_it(tmp_path / "search") as search:
        fill(search, 6)
        ranking = search.run(SETS, images, "mean_iou", workers=2)
    counts = [slow_counts(parameters, images.searched) for parameters in SETS]
    values = [slow_mean_iou(c) for c in counts]
    assert len(set(values)) == len(SETS)
    assert ranking == sorted([1, 2, 3], key=lambda n: -values[n])
    for number, trial in enumerate(SETS):
        score = search.scores[trial, "searched"]
        assert score.confusion_matrix == counts[number].tolist()
        assert score.metric("mean_iou") == pytest.approx(values[number])
        assert score.images == 4 and score.seconds > 0
    held_out = [trial for trial, part in search.scores if part == "held_out"]
    assert held_out == list(dict.fromkeys([None, SETS[1], SETS[ranking[0]]]))
    for trial in held_out:
        expected = slow_counts(trial, images.held_out).tolist()
        assert search.scores[trial, "held_out"].confusion_matrix == expected


def test_images_are_evenly_spaced_and_the_others_held_out():
    images = Images.split(101, 34)
    assert images.searched[:4] == (0, 2, 5, 8)
    assert set(np.diff(images.searched)) == {2, 3}
    assert sorted(images.searched + images.held_out) == list(range(101))
    assert Images.split(21, 99) == Images.split(21, None) == (tuple(range(21)), ())


@pytest.fixture
def refined_tasks(monkeypatch):
    """Stands in for the dense CRF: labels are right as often as bilateral_sxy in hundredths."""
    tasks: list[tuple[int, float]] = []

    def refine_one(task: Task) -> Refined:
        number = int(task.file.stem)
        quality = 0.5 if task.parameters is None else task.parameters.bilateral_sxy / 100
        (mask,) = load(task.file, "mask")
        right = np.random.default_rng(number).random(mask.shape) < quality
        labels = np.where(right, mask % VOID, (mask % VOID + 1) % CLASSES)
        tasks.append((number, quality))
        return Refined(labels.astype(np.uint8), 0.5)

    monkeypatch.setattr(search_module, "refine_stored", refine_one)
    return tasks


def test_of_equals_the_first_is_the_best(refined_tasks, tmp_path):
    twins = [*MANY[:2], *(CrfParameters(bilateral_sxy=90.0, iterations=i) for i in (3, 4))]
    with open_it(tmp_path / "search") as search:
        fill(search, 4)
        assert search.run(twins, Images.split(4, 3), "mean_iou", 1) == [2, 3, 1]


class Stopped(BaseException):
    """As KeyboardInterrupt, which pytest would take for its own."""


@pytest.mark.parametrize("after", [0, 7, 30, 37])
def test_a_stopped_search_goes_on_and_repeats_nothing(refined_tasks, tmp_path, monkeypatch, after):
    images = Images.split(8, 6)
    with open_it(tmp_path / "whole") as search:
        fill(search, 8)
        whole = search.run(MANY, images, "mean_iou", 1)
    count = len(refined_tasks)
    assert count == 6 * len(MANY) + 2 * 2  # the defaults are the best
    lines = (tmp_path / "whole" / "trials.jsonl").read_text()
    refine_one = search_module.refine_stored

    def stop(task):
        if len(refined_tasks) == after:
            raise Stopped
        return refine_one(task)

    refined_tasks.clear()
    monkeypatch.setattr(search_module, "refine_stored", stop)
    with pytest.raises(Stopped), open_it(tmp_path / "stopped") as search:
        fill(search, 8)
        search.run(MANY, images, "mean_iou", 1)
    finished = sum(score.images for score in search.scores.values())
    assert after - 6 < finished <= after
    monkeypatch.setattr(search_module, "refine_stored", refine_one)
    for _ in range(2):  # the second time there is nothing left
        with open_it(tmp_path / "stopped") as search:
            assert search.run(MANY, images, "mean_iou", 1) == whole
        assert len(refined_tasks) == after + count - finished
    assert (tmp_path / "stopped" / "trials.jsonl").read_text() == lines


def test_more_trials_keep_what_was_finished(refined_tasks, tmp_path):
    images = Images.split(5, 4)
    with open_it(tmp_path / "search") as search:
        fill(search, 5)
        search.run(MANY[:4], images, "mean_iou", 1)
        count = len(refined_tasks)
        ranking = search.run(MANY, images, "mean_iou", 1)
        assert len(refined_tasks) == count + 2 * 4
    assert ranking == sorted(range(1, len(MANY)), key=lambda n: -MANY[n].bilateral_sxy)


def test_another_metric_is_computed_from_what_was_counted(refined_tasks, tmp_path):
    images = Images.split(5, 4)
    with open_it(tmp_path / "search") as search:
        fill(search, 5)
        ranking = search.run(MANY, images, "mean_iou", 1)
        count = len(refined_tasks)
    with open_it(tmp_path / "search") as search:
        assert search.run(MANY, images, "mean_dice", 1) == ranking
        assert len(refined_tasks) == count
        score = search.scores[MANY[1], "searched"]
    counts = np.array(score.confusion_matrix)
    dice = 2 * np.diag(counts) / (counts.sum(axis=0) + counts.sum(axis=1))
    assert score.metric("mean_dice") == pytest.approx(dice.mean())
    assert score.metrics["per_class_dice"] == pytest.approx(list(dice))


def test_a_metric_that_needs_images_is_counted_once(refined_tasks, tmp_path):
    images = Images.split(5, 4)
    with open_it(tmp_path / "search") as search:
        fill(search, 5)
        search.run(MANY, images, "mean_iou", 1)
    count = len(refined_tasks)
    expected = BoundaryF1(CLASSES, VOID)
    for _ in range(2):  # the second time there is nothing left
        with open_it(tmp_path / "search") as search:
            ranking = search.run(MANY, images, "mean_boundary_f1", 1)
        assert len(refined_tasks) == 2 * count
    values = [search.scores[trial, "searched"].metric("mean_boundary_f1") for trial in MANY]
    assert ranking == sorted(range(1, len(MANY)), key=lambda n: -values[n])
    assert len(set(values)) == len(MANY)
    for number in images.searched:
        task = Task(prediction_file(search.predictions, number), MANY[2])
        (mask,) = load(task.file, "mask")
        expected.update(mask, search_module.refine_stored(task).labels)
    assert values[2] == pytest.approx(np.nanmean(expected.result()))


def test_searched_images_without_labels_are_an_error(refined_tasks, tmp_path):
    with open_it(tmp_path / "search") as search:
        fill(search, 1)
        image, mask, probabilities = some_image(0)
        file = prediction_file(search.predictions, 0)
        store(file, image, np.full_like(mask, VOID), mask % VOID, probabilities)
        with pytest.raises(DataError, match="no searched pixel is labeled"):
            search.run(MANY, Images.split(1, None), "mean_iou", 1)


def test_a_damaged_prediction_is_named(tmp_path):
    with open_it(tmp_path / "search") as search:
        fill(search, 2)
        file = prediction_file(search.predictions, 1)
        data = bytearray(file.read_bytes())
        data[data.index(b"labels.npy") + 200] ^= 1
        for damaged, message in ((data, "Bad CRC"), (data[:2000], "remove it")):
            file.write_bytes(bytes(damaged))
            with pytest.raises(DataError, match=rf"000001\.npz: cannot be read .*{message}"):
                search.run([None], Images.split(2, None), "mean_iou", 1)


def test_what_workers_load_is_no_tensorflow():
    code = (
        "import sys; import tf_image_segmentation.tuning.predictions;"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def two_lines(refined_tasks, tmp_path):
    with open_it(tmp_path / "search") as search:
        fill(search, 2)
        search.run(MANY[:2], Images.split(2, None), "mean_iou", 1)
    return tmp_path / "search"


def test_a_line_says_what_was_tried_and_what_it_reached(two_lines):
    first, second = map(json.loads, (two_lines / "trials.jsonl").read_text().splitlines())
    assert first["parameters"] is None
    assert second["parameters"]["bilateral_sxy"] == 80
    matrix = np.array(second["confusion_matrix"])
    assert second["metrics"]["pixel_accuracy"] == np.trace(matrix) / matrix.sum()
    assert (second["seconds"], second["images"], second["part"]) == (1.0, 2, "searched")
    with open_it(two_lines) as search:
        assert list(search.scores) == [(None, "searched"), (CrfParameters(), "searched")]


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_last_line_that_a_kill_has_cut_is_computed_again(two_lines, kept):
    file = two_lines / "trials.jsonl"
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + second[:kept])
    with open_it(two_lines) as search:
        assert list(search.scores) == [(None, "searched")]
        search.run(MANY[:2], Images.split(2, None), "mean_iou", 1)
    assert file.read_bytes() == first + second


@pytest.mark.parametrize(
    "damage",
    [
        (b'"part"', b'"trap"'),
        (b"{", b"["),
        (b'"confusion_matrix":[[', b'"c":[['),
        (b'"images":2', b'"images":"2"'),
        (b'"confusion_matrix":[', b'"confusion_matrix":[[1,2,3],'),
        (b'"confusion_matrix":[[', b'"confusion_matrix":[[1,'),
    ],
)
def test_another_damaged_line_is_named(two_lines, damage):
    file = two_lines / "trials.jsonl"
    file.write_bytes(file.read_bytes().replace(*damage, 1))
    with pytest.raises(DataError, match=r"trials\.jsonl, line 1: "):
        open_it(two_lines).__enter__()


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
    with pytest.raises(DataError, match=r"search\.json: "):
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
    with open_it(two_lines) as search:
        assert len(search.scores) == 2
