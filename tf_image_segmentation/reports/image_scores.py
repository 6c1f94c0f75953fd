"""The IoU of single images, and pictures of those that are predicted best and worst."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import numpy as np

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.evaluation.evaluate import Prediction
from tf_image_segmentation.reports.pictures import Picture, painted, photo


@dataclass(frozen=True)
class ScoredImage:
    """An image that is shown.

    Attributes:
        image_id: of the example.
        iou: its mean IoU, see `ImageScores`.
        class_ious: by class id, for each class in the pictures; NaN for one that occurs in ignored
            pixels only.
        has_ignored: whether its truth has ignored pixels.
        pictures: by what they show: image, truth, and the prediction, or that before and after the
            dense CRF.
    """

    image_id: str
    iou: float
    class_ious: dict[int, float]
    has_ignored: bool
    pictures: dict[str, Picture]


class ImageScores:
    """Scores images one by one and keeps pictures of the best and the worst.

    The IoU of an image is the mean over the classes that occur in its truth or its prediction,
    ignored pixels left out. Images that score the same are ordered by their id. Memory is bounded:
    of at most twice ``num_shown`` images, encoded pictures are kept.

    Args:
        info: the dataset.
        num_shown: how many of the best and how many of the worst are kept.

    Attributes:
        ious: the IoU of each image after the dense CRF if there is one, in 0..1.
        ious_before: that before the dense CRF; empty without one.
        unlabeled: number of images without a labeled pixel, which have no IoU.
    """

    def __init__(self, info: DatasetInfo, num_shown: int) -> None:
        self.ious: list[float] = []
        self.ious_before: list[float] = []
        self.unlabeled = 0
        self._info = info
        self._best = _Ranking(num_shown, last=False)
        self._worst = _Ranking(num_shown, last=True)

    def update(self, prediction: Prediction) -> None:
        """Scores an image.

        Raises:
            ValueError: as `ConfusionMatrix.update`.
        """
        matrix = self._matrix(prediction.mask, prediction.refined)
        if not matrix.matrix.any():
            self.unlabeled += 1
            return
        metrics = matrix.metrics()
        self.ious.append(metrics.mean_iou)
        if prediction.refined is not prediction.labels:
            before = self._matrix(prediction.mask, prediction.labels)
            self.ious_before.append(before.metrics().mean_iou)
        rankings = [
            ranking
            for ranking in (self._best, self._worst)
            if ranking.wants(metrics.mean_iou, prediction.image_id)
        ]
        if rankings:
            image = self._scored(prediction, metrics.mean_iou, metrics.per_class_iou)
            for ranking in rankings:
                ranking.add(image)

    def _matrix(self, mask: np.ndarray, labels: np.ndarray) -> ConfusionMatrix:
        matrix = ConfusionMatrix(self._info.num_classes, self._info.ignore_label)
        matrix.update(mask, labels)
        return matrix

    def _scored(self, prediction: Prediction, iou: float, class_ious: np.ndarray) -> ScoredImage:
        info, (image_id, image, mask, labels, refined) = self._info, prediction
        ignored = mask == info.ignore_label
        if refined is labels:
            predicted = {"prediction": labels}
        else:
            predicted = {"before the CRF": labels, "after the CRF": refined}
        present = np.unique(np.concatenate([mask[~ignored], *map(np.ravel, predicted.values())]))
        return ScoredImage(
            image_id,
            iou,
            {int(label): float(class_ious[label]) for label in present},
            bool(ignored.any()),
            {
                "image": photo(image),
                "truth": painted(mask, info, ignored=info.ignore_label),
                **{title: painted(shown, info) for title, shown in predicted.items()},
            },
        )

    def shown(self) -> tuple[list[ScoredImage], list[ScoredImage]]:
        """Returns the best images, best first, and the worst, worst first; none is in both."""
        # Of few images, the better half and the worse half.
        half = len(self.ious) // 2
        worst_first = self._worst.images[::-1]
        return self._best.images[: len(self.ious) - half], worst_first[:half]


class _Ranking:
    """The first or the last few of all images in the order of falling IoU, then of ids."""

    def __init__(self, limit: int, last: bool) -> None:
        self.images: list[ScoredImage] = []
        self._limit, self._last = limit, last

    def wants(self, iou: float, image_id: str) -> bool:
        """Whether an image would be among them."""
        if len(self.images) < self._limit or not self._limit:
            return self._limit > 0
        if self._last:
            return _order(self.images[0]) < (-iou, image_id)
        return (-iou, image_id) < _order(self.images[-1])

    def add(self, image: ScoredImage) -> None:
        """Takes an image in; the one that is no longer among them leaves."""
        bisect.insort(self.images, image, key=_order)
        if len(self.images) > self._limit:
            self.images.pop(0 if self._last else -1)


def _order(image: ScoredImage) -> tuple[float, str]:
    return -image.iou, image.image_id
