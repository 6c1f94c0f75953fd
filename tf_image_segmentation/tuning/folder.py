"""The folder of a search: one owner, what is searched, and a line for each finished step.

Layout: ``search.json`` (what was asked for), ``predictions/`` (see `cache`), ``trials.jsonl``,
and in the end ``best.json``.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tf_image_segmentation.atomic import FolderLock, replacing, write_text
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.tuning.trials import Trial

SEARCH_FILE, TRIALS_FILE, BEST_FILE = "search.json", "trials.jsonl", "best.json"
PREDICTIONS = "predictions"


@dataclass(frozen=True, eq=False)
class Score:
    """What one trial reached on some images.

    Attributes:
        matrix: the counts.
        seconds: that reading and refining took, of all images and workers together.
        images: number of images.
    """

    matrix: ConfusionMatrix
    seconds: float
    images: int

    def __add__(self, other: Score) -> Score:
        """Returns the score on the images of both."""
        matrix = ConfusionMatrix(self.matrix.num_classes, self.matrix.ignore_label)
        matrix.merge(self.matrix)
        matrix.merge(other.matrix)
        return Score(matrix, self.seconds + other.seconds, self.images + other.images)


class SearchFolder:
    """A folder that this process has for itself; made by `open_folder`.

    Attributes:
        path: of the folder.
        predictions: the folder of the network's predictions.
        scores: what is finished, by the number of the trial and the name of the images.
    """

    def __init__(self, path: Path, num_classes: int, ignore_label: int | None) -> None:
        self.path = path
        self.predictions = path / PREDICTIONS
        self.predictions.mkdir(exist_ok=True)
        self.scores: dict[tuple[int, str], Score] = {}
        self._file = path / TRIALS_FILE
        self._classes = num_classes, ignore_label
        self._read()

    def empty_matrix(self) -> ConfusionMatrix:
        """Returns a matrix of the dataset's classes that has counted nothing."""
        return ConfusionMatrix(*self._classes)

    def add(self, number: int, trial: Trial, part: str, score: Score) -> None:
        """Appends a line to ``trials.jsonl``."""
        metrics = score.matrix.metrics() if score.matrix.matrix.any() else None
        fields = {
            "trial": number,
            "part": part,
            "images": score.images,
            "parameters": None if trial is None else asdict(trial),
            "metrics": metrics and metrics.to_json(),
            "seconds": round(score.seconds, 3),
            "ignored_pixels": score.matrix.ignored_pixels,
            "confusion_matrix": score.matrix.matrix.tolist(),
        }
        with self._file.open("a") as file:
            file.write(json.dumps(fields) + "\n")
        self.scores[number, part] = score

    def write_best(self, fields: Mapping[str, Any]) -> Path:
        """Writes ``best.json`` and returns its path."""
        _write_json(self.path / BEST_FILE, fields)
        return self.path / BEST_FILE

    def _read(self) -> None:
        if not self._file.exists():
            return
        data = self._file.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:  # a kill has cut the last line
            with replacing(self._file) as temporary:
                temporary.write_bytes(whole)
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                fields = json.loads(line)
                score = self._score(fields)
                self.scores[int(fields["trial"]), str(fields["part"])] = score
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"{self._file}, line {number}: not a trial ({error!r}); take the line out, and "
                    "it is computed again"
                ) from error

    def _score(self, fields: Mapping[str, Any]) -> Score:
        matrix = self.empty_matrix()
        counts = np.array(fields["confusion_matrix"], np.int64)
        if counts.shape != matrix.matrix.shape:
            raise ValueError(f"a matrix of shape {counts.shape}")
        matrix.matrix += counts
        matrix.ignored_pixels = int(fields["ignored_pixels"])
        return Score(matrix, float(fields["seconds"]), int(fields["images"]))


@contextlib.contextmanager
def open_folder(
    path: Path, identity: Mapping[str, Any], num_classes: int, ignore_label: int | None
) -> Iterator[SearchFolder]:
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
        yield SearchFolder(path, num_classes, ignore_label)


def _check_identity(path: Path, identity: Mapping[str, Any]) -> None:
    file = path / SEARCH_FILE
    if not file.exists():
        others = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
        if others:
            raise DataError(
                f"{path}: holds {', '.join(others[:3])} but no {SEARCH_FILE}, so it is not the "
                "folder of a search; use another --output-dir"
            )
        _write_json(file, identity)
        return
    try:
        saved = dict(json.loads(file.read_bytes()))
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{file}: not readable ({error}); use another --output-dir, or restore it from a copy"
        ) from error
    names = sorted({*saved, *identity})
    changed = [
        f"  {name}: {saved.get(name)} before, {identity.get(name)} now"
        for name in names
        if saved.get(name) != identity.get(name)
    ]
    if changed:
        raise DataError(
            f"{path}: cannot go on with this search, because it was of something else:\n"
            + "\n".join(changed)
            + "\nuse the same options, or start a new search in another --output-dir"
        )


def _write_json(path: Path, fields: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(fields, indent=2) + "\n")
