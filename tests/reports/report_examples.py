"""Reports about made-up predictions, and what stands in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from html_page import Page
from small_records import INFO, example

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.evaluation.cases import Cases
from tf_image_segmentation.evaluation.counts import Counts
from tf_image_segmentation.evaluation.evaluate import Evaluation, Prediction
from tf_image_segmentation.reports.evaluation_page import HtmlReport

FACTS: Mapping[str, Any] = {
    "model": "fcn_32s",
    "checkpoint": "runs/fcn_32s/model/best",
    "split": "val",
    "images": 5,
    "fit": "pad",
    "scales": [1.0],
    "crf": None,
}


def predictions(count: int, crf: bool = False, prefix: str = "val") -> list[Prediction]:
    """Predictions for examples of different sizes; those of the CRF have fewer errors."""
    rng, found = np.random.default_rng(1), []
    for number in range(count):
        image, mask = example(24 + 3 * number, 40 - 2 * number, seed=number)
        noise = rng.random(mask.shape)
        right = np.where(mask == 255, 0, mask).astype(np.uint8)
        random = rng.integers(0, 3, mask.shape).astype(np.uint8)
        labels = np.where(noise < 0.4, random, right)
        refined = np.where(noise < 0.2, random, right) if crf else labels
        found.append(Prediction(f"{prefix}{number}", image, mask, labels, refined))
    return found


def evaluation_of(found: list[Prediction], info: DatasetInfo = INFO) -> Evaluation:
    """Counts predictions as `evaluate` does."""
    counts = refined = Counts([], info.num_classes, info.ignore_label)
    if any(prediction.refined is not prediction.labels for prediction in found):
        refined = Counts([], info.num_classes, info.ignore_label)
    for prediction in found:
        counts.update(prediction.mask, prediction.labels, prediction.image_id)
        if refined is not counts:
            refined.update(prediction.mask, prediction.refined, prediction.image_id)
    return Evaluation(counts, refined)


def write_report(
    path: Path,
    found: list[Prediction],
    info: DatasetInfo = INFO,
    facts: Mapping[str, Any] = FACTS,
    tables: Mapping[str, Mapping[str, Any]] | None = None,
    num_shown: int = 2,
    by_case: bool = False,
) -> Page:
    """Writes the report of predictions and reads it."""
    report = HtmlReport(path, facts, info, num_shown, tables=tables)
    cases = Cases(info, (1.0, 0.5))
    for prediction in found:
        report.observe(prediction)
        cases.observe(prediction)
    report.write(evaluation_of(found, info), cases if by_case else None)
    return Page(path.read_text(encoding="utf-8"))
