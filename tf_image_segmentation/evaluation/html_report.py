"""An evaluation as one HTML page that needs no other file, no script and no network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from tf_image_segmentation.datasets.dataset import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation import report_sections as sections
from tf_image_segmentation.evaluation.evaluator import Evaluation, Prediction
from tf_image_segmentation.evaluation.image_scores import ImageScores
from tf_image_segmentation.evaluation.trimap import Trimap, boundary_distance


@dataclass(frozen=True)
class ReportFacts:
    """What a report says about where its numbers come from.

    Attributes:
        model: name of the model.
        checkpoint: its path as it was given.
        split: that was evaluated, or None.
        images: number of images.
        environment: versions and git commit, None where unknown.
        tables: further facts by the title of the folded table that shows them; each value is a JSON
            type.
    """

    model: str
    checkpoint: str
    split: str | None
    images: int
    environment: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class HtmlReport:
    """Observes an evaluation and writes a page about it.

    Example::

        page = HtmlReport(Path("report.html"), facts, info)
        page.write(evaluate(network, records, info.ignore_label, observe=page.observe))

    Args:
        path: of the page. Its folder is made where missing.
        facts: where the numbers come from.
        info: the data set.
        num_shown: how many of the best and how many of the worst images are shown.

    Raises:
        DataError: the page cannot be written there.
    """

    def __init__(
        self, path: Path, facts: ReportFacts, info: DatasetInfo, num_shown: int = 6
    ) -> None:
        check_writable(path)
        self._path, self._facts, self._info = path, facts, info
        self._scores = ImageScores(info, num_shown)
        self._before, self._after = (
            Trimap(info.num_classes, info.ignore_label) for _ in ("before", "after")
        )

    def observe(self, prediction: Prediction) -> None:
        """Takes in a prediction, whose labels are known to be classes."""
        self._scores.update(prediction)
        distance = boundary_distance(prediction.mask)
        self._after.update(prediction.mask, prediction.refined, distance)
        if prediction.refined is not prediction.labels:
            self._before.update(prediction.mask, prediction.labels, distance)

    def write(self, evaluation: Evaluation) -> None:
        """Writes the page, in one step: until it is whole, an older one stays.

        Args:
            evaluation: of the predictions that were observed.

        Raises:
            DataError: no labelled pixel was counted.
            OSError: the disk fails.
        """
        page = self._render(evaluation)
        with _temporary(self._path) as temporary:
            # Paths and names may hold what no encoding can write.
            temporary.write_text(page, encoding="utf-8", errors="backslashreplace")
            temporary.replace(self._path)

    def _render(self, evaluation: Evaluation) -> str:
        facts, info, refined = self._facts, self._info, evaluation.refined
        before = None if refined is evaluation.matrix else evaluation.matrix
        best, worst = self._scores.shown()
        near, near_before = self._after.matrices(), self._before.matrices()
        return _template().render(
            facts=facts,
            info=info,
            written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
            environment=sections.environment(facts.environment),
            has_crf=before is not None,
            ignored=sections.IGNORED,
            summary=sections.summary(refined, before),
            comparison=sections.comparison(info.name, facts.split, facts.images),
            classes=sections.classes(refined, before, info),
            confusions=sections.confusions(refined, info.class_names),
            boundaries=sections.boundaries(refined, near, before, near_before),
            distribution=sections.distribution(self._scores),
            best=[sections.shown_image(image, info) for image in best],
            worst=[sections.shown_image(image, info) for image in worst],
            tables=sections.tables(facts.tables),
        )


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("tf_image_segmentation.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def check_writable(path: Path) -> None:
    """Raises a DataError unless a page can be written to ``path``; makes its folder."""
    way_out = "name another file with --report"
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: is not a file; {way_out}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(path) as temporary:
            temporary.touch()
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}"
        raise DataError(f"{path}: cannot be written ({reason}); {way_out}") from error


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
