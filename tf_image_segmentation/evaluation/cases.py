"""Results image by image and case by case: Dice and 95 % Hausdorff distance of each class.

A case is an image, or several that belong to one patient or volume. As nearly everywhere in
medicine, each case counts the same, unlike in the metrics of one confusion matrix over all images.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tf_image_segmentation.atomic import write_text
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.evaluation.evaluate import Prediction
from tf_image_segmentation.evaluation.hausdorff import hausdorff_95
from tf_image_segmentation.evaluation.pixel_metrics import dice
from tf_image_segmentation.evaluation.spread import Spread
from tf_image_segmentation.inference.visualization import background_of

PER_IMAGE_FILE = "per_image.csv"


@dataclass(frozen=True, eq=False)
class _Image:
    image_id: str
    case: str
    matrix: ConfusionMatrix
    distances: np.ndarray  # float64 [num_classes]; empty where they are not wanted


class Cases:
    """Observes an evaluation image by image.

    Args:
        info: the dataset.
        spacing: height and width of a pixel, for the Hausdorff distance; None leaves it out.
        pattern: regular expression whose first group is the case in an image id; None makes each
            image a case. An id that it does not match is a case of its own.

    Raises:
        DataError: the pattern is none or has no group, or the spacing is not above 0.
    """

    def __init__(
        self,
        info: DatasetInfo,
        spacing: tuple[float, float] | None = None,
        pattern: str | None = None,
    ) -> None:
        if spacing is not None and not all(0 < side < float("inf") for side in spacing):
            raise DataError(f"--spacing must be above 0, got {list(spacing)}")
        self.spacing = spacing
        self.background = background_of(info.class_names, info.num_classes)
        self._info, self._pattern = info, _compiled(pattern)
        self._images: list[_Image] = []

    def observe(self, prediction: Prediction) -> None:
        """Takes in a prediction, after the CRF if there is one."""
        info, (image_id, _, mask, _, labels) = self._info, prediction
        matrix = ConfusionMatrix(info.num_classes, info.ignore_label)
        matrix.update(mask, labels)
        found = self._pattern.search(image_id) if self._pattern else None
        case = image_id if found is None else found[1]
        distances = np.empty(0) if self.spacing is None else self._distances(mask, labels)
        self._images.append(_Image(image_id, case, matrix, distances))

    def _distances(self, mask: np.ndarray, labels: np.ndarray) -> np.ndarray:
        assert self.spacing is not None
        known = np.ones(mask.shape, bool)
        if self._info.ignore_label is not None:
            known = mask != self._info.ignore_label
        distances = np.full(self._info.num_classes, np.nan)
        for label in np.intersect1d(mask[known], labels[known]):
            pair = (mask == label) & known, (labels == label) & known
            distances[label] = hausdorff_95(*pair, self.spacing)
        return distances

    @property
    def count(self) -> int:
        """Number of cases."""
        return len({image.case for image in self._images})

    def _by_case(self) -> list[list[_Image]]:
        cases: dict[str, list[_Image]] = {}
        for image in self._images:
            cases.setdefault(image.case, []).append(image)
        return list(cases.values())

    def dice(self) -> np.ndarray:
        """Returns the Dice of each case and class, float64 [cases, num_classes].

        NaN where a class is in neither truth nor prediction.
        """
        rows = []
        for images in self._by_case():
            matrix = ConfusionMatrix(self._info.num_classes, self._info.ignore_label)
            for image in images:
                matrix.merge(image.matrix)
            rows.append(dice(matrix))
        return np.array(rows).reshape(-1, self._info.num_classes)

    def distances(self) -> np.ndarray | None:
        """Returns the distances of each case and class, the mean over the images of a case.

        NaN where a class is missing in truth or prediction of all of them; None without a spacing.
        """
        if self.spacing is None:
            return None
        rows = [
            [Spread.of(column).mean for column in zip(*(i.distances for i in images), strict=True)]
            for images in self._by_case()
        ]
        return np.array(rows).reshape(-1, self._info.num_classes)

    def spreads(self) -> dict[str, list[Spread]]:
        """Returns "dice" and, with a spacing, "hausdorff_95": a spread for each class."""
        found = {"dice": self.dice(), "hausdorff_95": self.distances()}
        return {
            name: [Spread.of(column) for column in values.T]
            for name, values in found.items()
            if values is not None
        }

    def overall(self) -> Spread:
        """Returns the spread of the mean Dice of each case over the classes but the background."""
        wanted = [label for label in range(self._info.num_classes) if label != self.background]
        return Spread.of([Spread.of(row[wanted]).mean for row in self.dice()])

    def to_json(self) -> dict[str, Any]:
        """Returns what ``metrics.json`` has of the cases."""
        return {
            "count": self.count,
            "mean_dice": self.overall().to_json(),
            "spacing": None if self.spacing is None else list(self.spacing),
            **{
                f"per_class_{name}": [spread.to_json() for spread in spreads]
                for name, spreads in self.spreads().items()
            },
        }

    def write_csv(self, path: str | Path) -> None:
        """Writes a line for each image, with an empty field where there is nothing to measure."""
        path = Path(path)
        names = self._info.class_names
        columns = ["image", "case", "labeled_pixels", "pixel_accuracy"]
        columns += [f"dice {name}" for name in names]
        if self.spacing is not None:
            columns += [f"hausdorff_95 {name}" for name in names]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for image in self._images:
            counts = image.matrix.matrix
            right = np.trace(counts) / counts.sum() if counts.any() else np.nan
            values = [right, *dice(image.matrix), *image.distances]
            numbers = ["" if np.isnan(value) else f"{value:.6g}" for value in values]
            writer.writerow([image.image_id, image.case, int(counts.sum()), *numbers])
        write_text(path, text.getvalue())


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"--cases {pattern}: is no regular expression ({error})") from error
    if compiled.groups < 1:
        raise DataError(
            f"--cases {pattern}: needs a group that is the case, such as '(.+)_\\d+' for "
            "patient7_0003"
        )
    return compiled
