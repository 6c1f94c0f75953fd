"""The search: a folder with a line for each finished trial, and the trials that are not there yet.

Layout of the folder: ``search.json`` (what was asked for), ``predictions/`` (see `predictions`),
``trials.jsonl``, and in the end ``best.json``.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from tqdm import tqdm

from tf_image_segmentation.atomic import write_json
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.counts import Counts, metric_of_scalar
from tf_image_segmentation.evaluation.metrics import results_to_json
from tf_image_segmentation.evaluation.summary import metrics_to_json
from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.locks import FolderLock
from tf_image_segmentation.registry import Part
from tf_image_segmentation.structs import parse_json, read_json
from tf_image_segmentation.training.run_files import differences
from tf_image_segmentation.tuning.parameters import DEFAULTS, WITHOUT_CRF, Trial, crf_options
from tf_image_segmentation.tuning.predictions import Task, load, prediction_file, refine_stored
from tf_image_segmentation.workers import map_in_order

SEARCH_FILE, TRIALS_FILE, BEST_FILE = "search.json", "trials.jsonl", "best.json"
PREDICTIONS = "predictions"
PARTS = ("searched", "held_out")


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
    """What a trial reached on a part of the images: a line of ``trials.jsonl``."""

    parameters: Trial
    part: str  # one of `PARTS`
    images: int
    seconds: float  # that reading and refining took, of all images and workers together
    confusion_matrix: list[list[int]]
    ignored_pixels: int
    metrics: dict[str, Any] | None = None  # None where no pixel is labeled

    def metric(self, name: str) -> float:
        """Returns the metric that `scalars` calls ``name``, NaN where it is not defined."""
        if self.metrics is not None and name not in self.metrics:
            classes = len(self.confusion_matrix)
            counts = Counts([metric_of_scalar(name, classes)], classes, None)
            counts.matrix.matrix += np.array(self.confusion_matrix)
            counts.matrix.ignored_pixels = self.ignored_pixels
            self.metrics |= results_to_json(counts.results())
        value = (self.metrics or {}).get(name)
        return math.nan if value is None else value


class Search:
    """A search in a folder that this process has for itself; made by `open_search`.

    Attributes:
        predictions: the folder of the network's predictions.
        scores: what is finished, by trial and "searched" or "held_out".
    """

    def __init__(self, path: Path, num_classes: int, ignore_label: int | None) -> None:
        self.predictions, self._file = path / PREDICTIONS, path / TRIALS_FILE
        self.predictions.mkdir(exist_ok=True)
        self._classes = num_classes, ignore_label
        self.scores = {(score.parameters, score.part): score for score in self._read()}

    def run(self, trials: Sequence[Trial], images: Images, metric: str, workers: int) -> list[int]:
        """Scores what is not scored yet, the best, the defaults and no CRF on held-out images too.

        Returns:
            Numbers of the trials with a CRF, best first; of equals, the one that came first.

        Raises:
            DataError: there is no such metric, a prediction cannot be read, no searched pixel is
                labeled, pydensecrf is not installed, or a worker died.
        """
        measured = metric_of_scalar(metric, self._classes[0])
        if Counts([measured], *self._classes).images:  # it does not follow from what lines hold
            known = self.scores.items()
            self.scores = {key: score for key, score in known if metric in (score.metrics or {})}
        self._score(trials, "searched", images.searched, measured, workers)
        values = np.array([self.scores[trial, "searched"].metric(metric) for trial in trials])
        if np.isnan(values[WITHOUT_CRF]):
            raise DataError(
                f"{self._file.parent}: no searched pixel is labeled, or none that {metric} counts; "
                "give more --images"
            )
        order = np.argsort(-values, kind="stable")  # NaN comes last
        ranking = [int(number) for number in order if number != WITHOUT_CRF]
        compared = [trials[n] for n in dict.fromkeys([WITHOUT_CRF, DEFAULTS, ranking[0]])]
        self._score(compared, "held_out", images.held_out, measured, workers)
        return ranking

    def _score(
        self, trials: Sequence[Trial], part: str, images: Sequence[int], metric: Part, workers: int
    ) -> None:
        missing = [trial for trial in trials if images and (trial, part) not in self.scores]
        files = [prediction_file(self.predictions, number) for number in images]
        tasks = [Task(file, trial) for trial in missing for file in files]
        with (
            tqdm(total=len(tasks), desc=f"refine, {part}", unit="image") as bar,
            contextlib.closing(map_in_order(tasks, refine_stored, workers)) as results,
        ):
            for trial in missing:
                counts, seconds = Counts([metric], *self._classes), 0.0
                for file, refined in zip(files, results, strict=False):
                    if isinstance(refined, DataError):
                        raise refined
                    (mask,) = load(file, "mask")
                    counts.update(mask, refined.labels, str(file))
                    seconds += refined.seconds
                    bar.update()
                self._add(trial, part, len(files), round(seconds, 3), counts)

    def _add(self, trial: Trial, part: str, images: int, seconds: float, counts: Counts) -> None:
        rows, ignored = counts.matrix.matrix, counts.matrix.ignored_pixels
        metrics = metrics_to_json(counts.matrix, counts.results()) if rows.any() else None
        score = Score(trial, part, images, seconds, rows.tolist(), ignored, metrics)
        with self._file.open("ab") as file:
            file.write(msgspec.json.encode(score) + b"\n")
        self.scores[trial, part] = score

    def _read(self) -> Iterator[Score]:
        data = self._file.read_bytes() if self._file.exists() else b""
        *lines, cut = data.split(b"\n")
        if cut:  # by a kill
            os.truncate(self._file, len(data) - len(cut))
        for number, text in enumerate(lines, start=1):
            line = Path(f"{self._file}, line {number}")
            score = parse_json(text, Score, line)
            rows = score.confusion_matrix
            if {len(rows), *map(len, rows)} != {self._classes[0]}:
                raise DataError(
                    f"{line}: a confusion matrix of another number of classes; take the line out, "
                    "and it is computed again"
                )
            yield score


class Result(NamedTuple):
    """How a search ended."""

    trials: Sequence[Trial]
    ranking: Sequence[int]  # numbers of the trials with a CRF, best first
    scores: Mapping[tuple[Trial, str], Score]
    metric: str

    @property
    def best(self) -> CrfParameters:
        """The best parameter set."""
        best = self.trials[self.ranking[0]]
        assert best is not None
        return best

    def percent(self, trial: Trial, part: str) -> float:
        """Returns the metric of a trial in percent, NaN where there is none."""
        score = self.scores.get((trial, part))
        return math.nan if score is None else 100 * score.metric(self.metric)

    def gain(self, trial: Trial, part: str) -> float:
        """Returns by how many points a trial is above the network alone, NaN if not known."""
        return self.percent(trial, part) - self.percent(None, part)

    def facts(self) -> dict[str, Any]:
        """Returns what ``best.json`` says, as JSON types."""
        trials = {"without CRF": None, "defaults": self.trials[DEFAULTS], "best": self.best}
        gains = {part: self.gain(self.best, part) for part in PARTS}
        gains = {part: gain for part, gain in gains.items() if not math.isnan(gain)}
        return {
            "parameters": asdict(self.best),
            "options": crf_options(self.best),
            "metric": self.metric,
            "trials": len(self.trials),
            "gain_in_points": gains,
            "metrics": {
                part: {name: self.scores[trial, part].metrics for name, trial in trials.items()}
                for part in gains
            },
        }


@contextlib.contextmanager
def open_search(
    path: Path, identity: Mapping[str, Any], num_classes: int, ignore_label: int | None
) -> Iterator[Search]:
    """Opens the folder of a search, a new one or one that was stopped, for one process at a time.

    ``identity`` is all that the scores depend on; what JSON can hold.

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


def _check_identity(path: Path, identity: Mapping[str, Any]) -> None:
    others = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
    if not others:
        write_json(path / SEARCH_FILE, identity)
    elif SEARCH_FILE not in others:
        raise DataError(
            f"{path}: holds {', '.join(others[:3])} but no {SEARCH_FILE}, so it is not the folder "
            "of a search; use another --output-dir"
        )
    saved = read_json(path / SEARCH_FILE, dict[str, Any])
    if found := differences([saved, identity]):
        lines = [
            f"{path}: cannot go on with this search, because it was of something else:",
            *(f"  {name}: {old} before, {new} now" for name, (old, new) in found.items()),
            "use the same options, or start a new search in another --output-dir",
        ]
        raise DataError("\n".join(lines))
