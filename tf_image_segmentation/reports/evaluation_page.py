"""An evaluation as one HTML page that needs no other file, no script and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.evaluation.boundary import Trimap, boundary_distance
from tf_image_segmentation.evaluation.cases import Cases
from tf_image_segmentation.evaluation.evaluate import Evaluation, Prediction
from tf_image_segmentation.evaluation.metrics import DEFAULT_METRICS
from tf_image_segmentation.registry import Part
from tf_image_segmentation.reports import evaluation_sections as sections
from tf_image_segmentation.reports.case_section import case_section
from tf_image_segmentation.reports.image_scores import ImageScores
from tf_image_segmentation.reports.page_file import check_writable, render, write_page
from tf_image_segmentation.reports.pictures import HATCHING
from tf_image_segmentation.training.run_folder import environment


class HtmlReport:
    """Observes an evaluation and writes a page about it.

    Example::

        page = HtmlReport(Path("report.html"), facts, info)
        page.write(evaluate(network, records, info.ignore_label, observe=page.observe))

    Args:
        path: of the page. Its folder is made where missing.
        facts: where the numbers come from, as JSON types: "model", "checkpoint", "split" (or None),
            "images", and what else the folded table of the evaluation shows.
        info: the dataset.
        num_shown: how many of the best and how many of the worst images are shown.
        metrics: what is shown beside IoU and accuracies.
        tables: further folded tables by their titles, as JSON types.

    Raises:
        DataError: the page cannot be written there.
    """

    def __init__(
        self,
        path: Path,
        facts: Mapping[str, Any],
        info: DatasetInfo,
        num_shown: int = 6,
        metrics: Sequence[Part] = DEFAULT_METRICS,
        tables: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        check_writable(path)
        self._path, self._facts, self._info, self._metrics = path, facts, info, metrics
        self._tables = {"Evaluation": facts, **(tables or {})}
        self._environment = environment()
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

    def write(self, evaluation: Evaluation, cases: Cases | None = None) -> None:
        """Writes the page, in one step: until it is whole, an older one stays.

        Args:
            evaluation: of the predictions that were observed.
            cases: results of the same predictions case by case, if they are to be shown.

        Raises:
            DataError: no labeled pixel was counted.
            OSError: the disk fails.
        """
        write_page(self._path, self._render(evaluation, cases))

    def _render(self, evaluation: Evaluation, cases: Cases | None) -> str:
        facts, info, refined = self._facts, self._info, evaluation.refined
        before = None if refined is evaluation.matrix else evaluation.matrix
        results = evaluation.refined_results(self._metrics)
        old = None if before is None else evaluation.results(self._metrics)
        best, worst = self._scores.shown()
        near, near_before = self._after.matrices(), self._before.matrices()
        values = {
            "facts": facts,
            "info": info,
            "written": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
            "environment": sections.environment(self._environment),
            "has_crf": before is not None,
            "hatching": HATCHING,
            "summary": sections.summary(refined, results, before, old),
            "comparison": sections.comparison(info.name, facts["split"], facts["images"], results),
            "classes": sections.classes(refined, results, before, info),
            "confusions": sections.confusions(refined, info.class_names),
            "boundaries": sections.boundaries(refined, near, before, near_before),
            "distribution": sections.distribution(self._scores),
            "cases": None if cases is None else case_section(cases, info),
            "best": [sections.shown_image(image, info) for image in best],
            "worst": [sections.shown_image(image, info) for image in worst],
            "tables": sections.tables(self._tables),
        }
        return render("evaluation.html", values)
