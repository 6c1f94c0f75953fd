"""The search: which images, which trials go on, and which is best.

Each trial is scored on a part of the images first. The better ones are scored on more, and the
best on all, as in successive halving (Jamieson and Talwalkar, "Non-stochastic Best Arm
Identification and Hyperparameter Optimization", AISTATS 2016). A decision follows from finished
scores alone, so that a search that was stopped takes the same ones again.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tuning import cache
from tf_image_segmentation.tuning.folder import Score, SearchFolder
from tf_image_segmentation.tuning.refining import Task, refine_cached
from tf_image_segmentation.tuning.trials import DEFAULTS, WITHOUT_CRF, Trial
from tf_image_segmentation.workers import map_in_order

_SHARES = (9, 3, 1)  # the rounds take a ninth, a third and all of the images
_FEWEST_IMAGES = 8  # that say anything
_FEWEST_TRIALS = 10  # that go on


class Part(NamedTuple):
    """Some of the images, by their numbers in the records."""

    name: str
    images: tuple[int, ...]


@dataclass(frozen=True)
class Parts:
    """The images of a search: those that each round adds, and those that it never sees."""

    rounds: tuple[Part, ...]
    held_out: Part

    @property
    def searched(self) -> list[int]:
        """The images of all rounds."""
        return sorted(image for part in self.rounds for image in part.images)


def split_images(count: int, wanted: int | None, seed: int) -> Parts:
    """Chooses ``wanted`` of ``count`` images, evenly spaced; None for all.

    The first round has a ninth of them, the second adds those up to a third, the third the rest;
    rounds of fewer than 8 images are left out.
    """
    wanted = count if wanted is None else min(wanted, count)
    chosen = [number * count // wanted for number in range(wanted)]
    shuffled = tuple(np.random.default_rng(seed).permutation(chosen).tolist())
    sizes = [-(-wanted // share) for share in _SHARES]
    ends = [size for size in sizes[:-1] if size >= _FEWEST_IMAGES] + [wanted]
    starts = [0, *ends[:-1]]
    rounds = tuple(
        Part(f"round {number}", shuffled[start:end])
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
    )
    held_out = tuple(sorted({*range(count)} - {*chosen}))
    return Parts(rounds, Part("held out", held_out))


@dataclass(frozen=True, eq=False)
class Result:
    """How a search ended.

    Attributes:
        trials: all parameter sets, by number.
        ranking: numbers of the trials that were scored on all searched images, best first; without
            the network alone.
        searched: scores on the searched images, of these and of the network alone.
        held_out: scores on the other images, of the best, the defaults and the network alone;
            empty where there are no others.
    """

    trials: Sequence[Trial]
    ranking: Sequence[int]
    searched: dict[int, Score]
    held_out: dict[int, Score]

    @property
    def best(self) -> int:
        """The number of the best trial with a CRF."""
        return self.ranking[0]

    @property
    def compared(self) -> dict[str, int]:
        """The numbers of the trials to compare, by what they are."""
        return {"without CRF": WITHOUT_CRF, "defaults": DEFAULTS, "best": self.best}


class _Search:
    def __init__(
        self, folder: SearchFolder, trials: Sequence[Trial], metric: str, workers: int, bar: tqdm
    ) -> None:
        self.folder, self.trials, self.metric = folder, trials, metric
        self.workers, self.bar = workers, bar

    def score(self, numbers: Iterable[int], part: Part) -> None:
        """Scores the trials of these numbers on a part, but for those that are there."""
        missing = [n for n in numbers if (n, part.name) not in self.folder.scores]
        if not missing or not part.images:
            return
        files = [cache.cache_file(self.folder.predictions, image) for image in part.images]
        tasks = (Task(file, self.trials[number]) for number in missing for file in files)
        with contextlib.closing(map_in_order(tasks, refine_cached, self.workers)) as results:
            for number in missing:
                matrix, seconds = self.folder.empty_matrix(), 0.0
                for file, refined in zip(files, results, strict=False):
                    if isinstance(refined, DataError):
                        raise refined
                    (mask,) = cache.load(file, "mask")
                    matrix.update(mask, refined.labels)
                    seconds += refined.seconds
                    self.bar.update()
                score = Score(matrix, seconds, len(files))
                self.folder.add(number, self.trials[number], part.name, score)

    def total(self, number: int, parts: Iterable[Part]) -> Score:
        return reduce(add, (self.folder.scores[number, part.name] for part in parts))

    def ranking(self, numbers: Iterable[int], parts: Sequence[Part]) -> list[int]:
        """Returns the trials with a CRF, best first; of equals, the one that came first."""
        metrics = {n: self.total(n, parts).matrix.metrics()[self.metric] for n in numbers}
        return sorted((n for n in metrics if n != WITHOUT_CRF), key=lambda n: (-metrics[n], n))

    def play(self, rounds: Sequence[Part], keep: float) -> list[int]:
        """Returns the trials with a CRF that came through all rounds, best first."""
        numbers = list(range(len(self.trials)))
        for count, part in enumerate(rounds, start=1):
            self.score(numbers, part)
            ranking = self.ranking(numbers, rounds[:count])
            others = [n for n in ranking if n != DEFAULTS]
            going_on = others[: _that_go_on(len(others), keep)]
            numbers = [WITHOUT_CRF, DEFAULTS, *sorted(going_on)]
        return ranking


def _that_go_on(count: int, keep: float) -> int:
    return min(count, max(_FEWEST_TRIALS, math.ceil(keep * count)))


def _work(trials: int, parts: Parts, keep: float) -> int:
    """Returns how many images are to be refined in all."""
    total, others = 3 * len(parts.held_out.images), trials - 2
    for part in parts.rounds:
        total += (others + 2) * len(part.images)
        others = _that_go_on(others, keep)
    return total


def search(
    folder: SearchFolder,
    trials: Sequence[Trial],
    parts: Parts,
    metric: str = "mean_iou",
    keep: float = 1 / 3,
    workers: int = 1,
    progress: bool = False,
) -> Result:
    """Scores the trials and finds the best; what ``folder`` has is not computed again.

    Args:
        folder: with the predictions for all images.
        trials: the first is None, the second the defaults.
        parts: see `split_images`.
        metric: one of `trials.METRICS`, which decides.
        keep: share of the trials that go on after a round, though never fewer than 10, and the
            network alone and the defaults always; 1 lets all go on.
        workers: processes.
        progress: whether a progress bar is shown.

    Raises:
        DataError: a prediction cannot be read, no searched pixel is labeled, pydensecrf is not
            installed, or a worker died.
    """
    done = sum(folder.scores[key].images for key in folder.scores if key[0] < len(trials))
    total = max(_work(len(trials), parts, keep), done)
    with tqdm(total=total, initial=done, desc="refine", unit="image", disable=not progress) as bar:
        run = _Search(folder, trials, metric, workers, bar)
        ranking = run.play(parts.rounds, keep)
        compared = dict.fromkeys([WITHOUT_CRF, DEFAULTS, ranking[0]])
        run.score(compared, parts.held_out)
        bar.total = bar.n  # two, where the defaults are the best
        bar.refresh()
    searched = {number: run.total(number, parts.rounds) for number in [WITHOUT_CRF, *ranking]}
    key = parts.held_out.name
    held_out = {n: folder.scores[n, key] for n in compared if (n, key) in folder.scores}
    if not all(score.matrix.matrix.any() for score in held_out.values()):
        held_out = {}  # nothing is labeled there
    return Result(trials, ranking, searched, held_out)
