"""The search: a folder with a line for each finished trial, and the trials that are not there yet.

Layout of the folder: ``search.json`` (what was asked for), ``predictions/`` (see `refining`),
``trials.jsonl``, and in the end ``best.json``.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from tqdm import tqdm

from tf_image_segmentation.atomic import FolderLock, replacing, write_text
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.evaluation.metrics import compute_metrics, parse_metrics
from tf_image_segmentation.structs import parse_json, read_json
from tf_image_segmentation.tuning.parameters import DEFAULTS, WITHOUT_CRF, Trial
from tf_image_segmentation.tuning.refining import Task, load, prediction_file, refine_stored
from tf_image_segmentation.workers import map_in_order

SEARCH_FILE, TRIALS_FILE, BEST_FILE, PREDICTIONS = (
    "search.json",
    "trials.jsonl",
    "best.json",
    "predictions",
)


class Images(NamedTuple):
    """Numbers of the images that are searched on, evenly spaced, and of those held out."""

    searched: tuple[int, ...]
    held_out: tuple[int, ...]

    @classmethod
    def split(cls, count: int, wanted: int | None) -> Images:
        """Chooses ``wanted`` of ``count`` images to search on; None for all."""
        wanted = count if wanted is None else min(wanted, count)
        searched = tuple(number * count // wanted for number in range(wanted))
        return cls(searched, tuple(sorted({*range(count)} - {*searched})))


class Score(msgspec.Struct, omit_defaults=True):
    """What a trial reached on some images: a line of ``trials.jsonl``.

    Attributes:
        parameters: of the trial.
        part: "searched" or "held_out".
        images: number of images.
        seconds: that reading and refining took, of all images and workers together.
        confusion_matrix: counts by true and predicted class.
        ignored_pixels: pixels with the ignore label.
        metrics: what follows from the counts, for whoever reads the file.
    """

    parameters: Trial
    part: str
    images: int
    seconds: float
    confusion_matrix: list[list[int]]
    ignored_pixels: int
    metrics: dict[str, Any] | None = None

    @property
    def matrix(self) -> ConfusionMatrix:
        """The counts."""
        matrix = ConfusionMatrix(len(self.confusion_matrix))
        matrix.matrix += np.array(self.confusion_matrix, np.int64)
        matrix.ignored_pixels = self.ignored_pixels
        return matrix

    def metric(self, name: str) -> float:
        """Returns the metric called ``name``, NaN where no pixel is labeled."""
        matrix = self.matrix
        if not matrix.matrix.any():
            return float("nan")
        return float(compute_metrics(parse_metrics([name]), matrix)[name])


class Search:
    """A search in a folder that this process has for itself; made by `open_search`.

    Attributes:
        path: of the folder.
        predictions: the folder of the network's predictions.
        scores: what is finished, by trial and "searched" or "held_out".
    """

    def __init__(self, path: Path, num_classes: int, ignore_label: int | None) -> None:
        self.path, self.predictions = path, path / PREDICTIONS
        self.predictions.mkdir(exist_ok=True)
        self.scores: dict[tuple[Trial, str], Score] = {}
        self._file = path / TRIALS_FILE
        self._classes = num_classes, ignore_label
        self._read()

    def run(self, trials: Sequence[Trial], images: Images, metric: str, workers: int) -> list[int]:
        """Scores what is not scored yet, the best, the defaults and no CRF on held-out images too.

        Returns:
            Numbers of the trials with a CRF, best first; of equals, the one that came first.

        Raises:
            DataError: a prediction cannot be read, no searched pixel is labeled, pydensecrf is not
                installed, or a worker died.
        """
        total = len(trials) * len(images.searched) + 3 * len(images.held_out)
        with tqdm(total=total, desc="refine", unit="image") as bar:
            self._score(trials, "searched", images.searched, workers, bar)
            values = {
                number: self.scores[trial, "searched"].metric(metric)
                for number, trial in enumerate(trials)
            }
            if np.isnan(values[WITHOUT_CRF]):
                raise DataError(f"{self.path}: no searched pixel is labeled; give more --images")
            ranking = sorted((n for n in values if n != WITHOUT_CRF), key=lambda n: -values[n])
            compared = [trials[n] for n in dict.fromkeys([WITHOUT_CRF, DEFAULTS, ranking[0]])]
            self._score(compared, "held_out", images.held_out, workers, bar)
        return ranking

    def _score(
        self, trials: Sequence[Trial], part: str, images: Sequence[int], workers: int, bar: tqdm
    ) -> None:
        missing = [trial for trial in trials if (trial, part) not in self.scores]
        bar.update((len(trials) - len(missing)) * len(images))
        if not images:
            return
        files = [prediction_file(self.predictions, number) for number in images]
        tasks = (Task(file, trial) for trial in missing for file in files)
        with contextlib.closing(map_in_order(tasks, refine_stored, workers)) as results:
            for trial in missing:
                matrix, seconds = ConfusionMatrix(*self._classes), 0.0
                for file, refined in zip(files, results, strict=False):
                    if isinstance(refined, DataError):
                        raise refined
                    (mask,) = load(file, "mask")
                    matrix.update(mask, refined.labels)
                    seconds += refined.seconds
                    bar.update()
                self._add(trial, part, len(files), seconds, matrix)

    def _add(self, trial: Trial, part: str, images: int, seconds: float, matrix: Any) -> None:
        counts, ignored = matrix.matrix, matrix.ignored_pixels
        metrics = matrix.metrics().to_json() if counts.any() else None
        score = Score(trial, part, images, round(seconds, 3), counts.tolist(), ignored, metrics)
        with self._file.open("ab") as file:
            file.write(msgspec.json.encode(score) + b"\n")
        self.scores[trial, part] = score

    def _read(self) -> None:
        data = self._file.read_bytes() if self._file.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:  # a kill has cut the last line
            with replacing(self._file) as temporary:
                temporary.write_bytes(whole)
        for number, text in enumerate(whole.splitlines(), start=1):
            where = f"{self._file}, line {number}"
            score = parse_json(text, Score, Path(where))
            shape = np.shape(score.confusion_matrix)
            if shape != (self._classes[0],) * 2:
                raise DataError(
                    f"{where}: a confusion matrix of shape {shape}; take the line out, and it is "
                    "computed again"
                )
            self.scores[score.parameters, score.part] = score


@contextlib.contextmanager
def open_search(
    path: Path, identity: Mapping[str, Any], num_classes: int, ignore_label: int | None
) -> Iterator[Search]:
    """Opens the folder of a search, a new one or one that was stopped, for one process at a time.

    Args:
        path: made if missing.
        identity: all that the scores depend on, as JSON types.
        num_classes: of the dataset.
        ignore_label: of the dataset.

    Raises:
        DataError: another process has it, it holds another search or other files, or a line of it
            is damaged.
    """
    if path.exists() and not path.is_dir():
        raise DataError(f"{path}: is a file; name a folder with --output-dir")
    path.mkdir(parents=True, exist_ok=True)
    with FolderLock(path, "wait for it or use another --output-dir"):
        _check_identity(path, json.loads(json.dumps(identity)))
        yield Search(path, num_classes, ignore_label)


def write_json(path: Path, fields: Mapping[str, Any]) -> None:
    """Writes a JSON file in one step."""
    write_text(path, json.dumps(fields, indent=2) + "\n")


def _check_identity(path: Path, identity: Mapping[str, Any]) -> None:
    file = path / SEARCH_FILE
    if not file.exists():
        others = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
        if others:
            raise DataError(
                f"{path}: holds {', '.join(others[:3])} but no {SEARCH_FILE}, so it is not the "
                "folder of a search; use another --output-dir"
            )
        write_json(file, identity)
        return
    saved = read_json(file, dict[str, Any])
    names = sorted(n for n in {*saved, *identity} if saved.get(n) != identity.get(n))
    if names:
        changed = [f"  {n}: {saved.get(n)} before, {identity.get(n)} now" for n in names]
        raise DataError(
            f"{path}: cannot go on with this search, because it was of something else:\n"
            + "\n".join(changed)
            + "\nuse the same options, or start a new search in another --output-dir"
        )
