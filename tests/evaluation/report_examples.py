"""Reports about made-up predictions, and what stands in them."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from small_records import INFO, example

from tf_image_segmentation.datasets.dataset import DatasetInfo
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.evaluation.evaluator import Evaluation, Prediction
from tf_image_segmentation.evaluation.html_report import HtmlReport, ReportFacts

FACTS = ReportFacts(
    model="fcn_32s",
    checkpoint="runs/fcn_32s/model/best",
    split="val",
    images=5,
    environment={"python": "3.11", "keras": None, "git_commit": "abc", "git_changes": True},
    tables={"Evaluation": {"fit": "pad", "scales": [1.0], "crf": None}},
)


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
    matrix = ConfusionMatrix(info.num_classes, info.ignore_label)
    crf = any(prediction.refined is not prediction.labels for prediction in found)
    refined = ConfusionMatrix(info.num_classes, info.ignore_label) if crf else matrix
    for prediction in found:
        matrix.update(prediction.mask, prediction.labels)
        if crf:
            refined.update(prediction.mask, prediction.refined)
    return Evaluation(matrix, refined)


def write_report(
    path: Path,
    found: list[Prediction],
    info: DatasetInfo = INFO,
    facts: ReportFacts = FACTS,
    num_shown: int = 2,
) -> Page:
    """Writes the report of predictions and reads it."""
    report = HtmlReport(path, facts, info, num_shown)
    for prediction in found:
        report.observe(prediction)
    report.write(evaluation_of(found, info))
    return Page(path.read_text(encoding="utf-8"))


class Page(HTMLParser):
    """What a page holds.

    Attributes:
        source: the page as it is.
        tags: how often each element occurs.
        attributes: all of them as (element, attribute, value).
        rows: the text of the cells of each row of a table.
        text: all text but the style sheet, blanks joined.
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self._texts: list[str] = []
        self.feed(source)
        self.close()
        self.text = " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag  # every element is closed, in order

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self._texts.append(data)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data.strip()

    def row(self, name: str) -> list[str]:
        """The one row whose first cell is ``name``, without it."""
        (cells,) = (cells for cells in self.rows if cells[0] == name)
        return cells[1:]

    def values(self, tag: str, attribute: str) -> list[str | None]:
        """The values of an attribute of all elements of a kind."""
        return [value for t, name, value in self.attributes if (t, name) == (tag, attribute)]
