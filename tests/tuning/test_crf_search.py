"""Searching: against a slow search, with rounds, and stopped at any place."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters, refine
from tf_image_segmentation.tuning import cache
from tf_image_segmentation.tuning import search as search_module
from tf_image_segmentation.tuning.folder import open_folder
from tf_image_segmentation.tuning.refining import Refined, Task, refine_cached
from tf_image_segmentation.tuning.search import search, split_images

CLASSES, VOID = 3, 255
SETS = [
    None,
    CrfParameters(),
    CrfParameters(1.0, 1.0, 5.0, 10.0, 2.0, 2),
    CrfParameters(1.0, 0.5, 10.0, 5.0, 0.0, 3),
]


def some_image(number):
    """An image of areas with a color each, their labels, and doubtful probabilities of these."""
    rng = np.random.default_rng(number)
    mask = rng.integers(0, CLASSES, (5, 4)).repeat(4, axis=0).repeat(6, axis=1).astype(np.uint8)
    image = np.stack([80 * mask + 20] * 3, axis=-1).astype(np.uint8)
    logits = 2 * np.eye(CLASSES)[mask] + rng.normal(0, 1.5, (*mask.shape, CLASSES))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    mask[:2] = VOID
    return image, mask, probabilities.astype(np.float16)


def fill(folder, count):
    for number in range(count):
        image, mask, probabilities = some_image(number)
        labels = probabilities.argmax(axis=-1).astype(np.uint8)
        cache.store(cache.cache_file(folder, number), image, mask, labels, probabilities)


def open_it(path):
    return open_folder(path, {}, CLASSES, VOID)


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
    parts = split_images(6, 4, seed=0)
    with open_it(tmp_path / "search") as folder:
        fill(folder.predictions, 6)
        result = search(folder, SETS, parts, workers=2)
    counts = [slow_counts(parameters, parts.searched) for parameters in SETS]
    values = [slow_mean_iou(c) for c in counts]
    assert len(set(values)) == len(SETS)
    assert list(result.ranking) == sorted([1, 2, 3], key=lambda n: -values[n])
    assert sorted(result.searched) == [0, 1, 2, 3]
    for number, score in result.searched.items():
        np.testing.assert_array_equal(score.matrix.matrix, counts[number])
        assert score.images == 4 and score.seconds > 0
    assert set(result.held_out) == {0, 1, result.best}
    for number, score in result.held_out.items():
        expected = slow_counts(SETS[number], parts.held_out.images)
        np.testing.assert_array_equal(score.matrix.matrix, expected)


def test_images_are_evenly_spaced_and_the_others_held_out():
    parts = split_images(101, 34, seed=0)
    assert parts.searched[:4] == [0, 2, 5, 8]
    assert set(np.diff(parts.searched)) == {2, 3}
    assert len(parts.searched) == 34 and len(parts.held_out.images) == 67
    assert sorted([*parts.searched, *parts.held_out.images]) == list(range(101))
    assert [len(part.images) for part in parts.rounds] == [12, 22]
    assert parts == split_images(101, 34, seed=0)
    assert parts.rounds[0] != split_images(101, 34, seed=1).rounds[0]
    # The first round is a sample of all, not their beginning.
    assert min(parts.rounds[0].images) < 30 and max(parts.rounds[0].images) > 70


def test_rounds_of_many_images_and_of_few():
    assert [len(part.images) for part in split_images(904, None, 0).rounds] == [101, 201, 602]
    assert [len(part.images) for part in split_images(23, None, 0).rounds] == [8, 15]
    assert [len(part.images) for part in split_images(21, 99, 0).rounds] == [21]
    assert split_images(21, 99, 0).held_out.images == ()


@pytest.fixture
def refined_tasks(monkeypatch):
    """Stands in for the dense CRF: labels are right as often as bilateral_sxy in hundredths."""
    tasks: list[tuple[int, float]] = []

    def refine_one(task: Task) -> Refined:
        number = int(task.file.stem)
        quality = 0.5 if task.parameters is None else task.parameters.bilateral_sxy / 100
        (mask,) = cache.load(task.file, "mask")
        right = np.random.default_rng(number).random(mask.shape) < quality
        labels = np.where(right, mask % VOID, (mask % VOID + 1) % CLASSES)
        tasks.append((number, quality))
        return Refined(labels.astype(np.uint8), 0.5)

    monkeypatch.setattr(search_module, "refine_cached", refine_one)
    return tasks


QUALITIES = np.random.default_rng(0).permutation(np.arange(10, 70, 2)).tolist()
MANY = [None, CrfParameters(bilateral_sxy=20.0)] + [
    CrfParameters(bilateral_sxy=float(q)) for q in QUALITIES
]


def test_the_better_ones_go_on(refined_tasks, tmp_path):
    parts = split_images(90, 72, seed=0)
    assert [len(part.images) for part in parts.rounds] == [8, 16, 48]
    with open_it(tmp_path / "search") as folder:
        fill(folder.predictions, 90)
        result = search(folder, MANY, parts, keep=0.5)
        lines = list(folder.scores)
    # Of 30 others 15 go on, and then 10, for that is the fewest; always with the first two.
    tried = [[n for n, part in lines if part == name] for name in ("round 1", "round 2", "round 3")]
    assert list(map(len, tried)) == [32, 17, 12]
    best = sorted(range(2, 32), key=lambda n: -MANY[n].bilateral_sxy)
    assert tried[2][:2] == [0, 1]
    assert set(best[:5]) < set(tried[2]) and set(tried[2]) < set(tried[1])
    assert result.best == best[0]
    assert result.ranking[-1] == 1  # the defaults, which would not have come so far
    assert [n for n, part in lines if part == "held out"] == [0, 1, result.best]
    assert len(refined_tasks) == 32 * 8 + 17 * 16 + 12 * 48 + 3 * 18
    assert result.searched[0].images == 72


def test_all_go_on_if_asked_to(refined_tasks, tmp_path):
    with open_it(tmp_path / "search") as folder:
        fill(folder.predictions, 24)
        result = search(folder, MANY, split_images(24, None, 0), keep=1)
    assert sorted(result.searched) == list(range(32))
    assert result.held_out == {}
    assert len(refined_tasks) == 32 * 24


def test_of_equals_the_first_is_the_best(refined_tasks, tmp_path):
    twins = [*MANY[:2], *(CrfParameters(bilateral_sxy=60.0, iterations=i) for i in (3, 4))]
    with open_it(tmp_path / "search") as folder:
        fill(folder.predictions, 4)
        assert search(folder, twins, split_images(4, 3, 0)).ranking == [2, 3, 1]


class Stopped(BaseException):
    """As KeyboardInterrupt, which pytest would take for its own."""


@pytest.mark.parametrize("after", [0, 100, 500, 1060])
def test_a_stopped_search_goes_on_and_repeats_nothing(refined_tasks, tmp_path, monkeypatch, after):
    parts = split_images(90, 72, seed=0)
    with open_it(tmp_path / "whole") as folder:
        fill(folder.predictions, 90)
        whole = search(folder, MANY, parts)
    lines = (tmp_path / "whole" / "trials.jsonl").read_text()
    refine_one, count = search_module.refine_cached, len(refined_tasks)

    def stop(task):
        if len(refined_tasks) == after:
            raise Stopped
        return refine_one(task)

    refined_tasks.clear()
    monkeypatch.setattr(search_module, "refine_cached", stop)
    with pytest.raises(Stopped), open_it(tmp_path / "stopped") as folder:
        fill(folder.predictions, 90)
        search(folder, MANY, parts)
    finished = sum(score.images for score in folder.scores.values())
    assert after - 48 < finished <= after
    monkeypatch.setattr(search_module, "refine_cached", refine_one)
    with open_it(tmp_path / "stopped") as folder:
        again = search(folder, MANY, parts)
    assert len(refined_tasks) == after + count - finished
    assert (tmp_path / "stopped" / "trials.jsonl").read_text() == lines
    assert again.ranking == whole.ranking
    with open_it(tmp_path / "stopped") as folder:
        search(folder, MANY, parts)
    assert len(refined_tasks) == after + count - finished


def test_more_trials_keep_what_was_finished(refined_tasks, tmp_path):
    parts = split_images(30, 24, seed=0)
    with open_it(tmp_path / "search") as folder:
        fill(folder.predictions, 30)
        search(folder, MANY[:16], parts)
        before = set(folder.scores)
        result = search(folder, MANY, parts)
        assert before < set(folder.scores)
    with open_it(tmp_path / "fresh") as folder:
        fill(folder.predictions, 30)
        assert result.ranking == search(folder, MANY, parts).ranking


def test_held_out_images_without_labels_are_as_none(refined_tasks, tmp_path):
    with open_it(tmp_path / "search") as folder:
        fill(folder.predictions, 2)
        image, mask, probabilities = some_image(1)
        file = cache.cache_file(folder.predictions, 1)
        cache.store(file, image, np.full_like(mask, VOID), mask % VOID, probabilities)
        assert search(folder, MANY[:3], split_images(2, 1, 0)).held_out == {}


def test_a_damaged_prediction_is_named(tmp_path):
    with open_it(tmp_path / "search") as folder:
        fill(folder.predictions, 2)
        file = cache.cache_file(folder.predictions, 1)
        data = bytearray(file.read_bytes())
        data[data.index(b"labels.npy") + 200] ^= 1
        file.write_bytes(bytes(data))
        with pytest.raises(DataError, match=r"000001\.npz: cannot be read .*Bad CRC"):
            search(folder, SETS, split_images(2, None, 0))
        file.write_bytes(bytes(data[:2000]))
        with pytest.raises(DataError, match=r"000001\.npz: cannot be read .*remove it"):
            search(folder, SETS, split_images(2, None, 0))


def test_files_are_as_large_as_said_before(tmp_path):
    fill(tmp_path, 3)
    pixels = sum(some_image(number)[1].size for number in range(3))
    written = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert 0 < written - cache.cache_bytes(pixels, CLASSES) < 3 * 1500


def test_what_workers_load_is_no_tensorflow():
    code = (
        "import sys; import tf_image_segmentation.tuning.refining;"
        "import tf_image_segmentation.tuning.trials;"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert refine_cached.__module__ == "tf_image_segmentation.tuning.refining"
