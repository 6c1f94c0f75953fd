"""Accuracy near the boundaries of the truth: one confusion matrix for each width of a band.

Source: Kohli et al., "Robust Higher Order Potentials for Enforcing Label Consistency", IJCV 2009,
and Kraehenbuehl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge
Potentials", NIPS 2011. Only pixels in a narrow band along the boundaries, called a trimap, are
counted, for bands of growing width.

Where a strip of ignored pixels covers the boundaries, as in PASCAL VOC, the band lies along the
strip, as in Chen et al., "Semantic Image Segmentation with Deep Convolutional Nets and Fully
Connected CRFs", ICLR 2015: ignored pixels are one more label here, and are not counted themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.inference.regions import boundary_pixels

WIDTHS = (1, 2, 4, 8, 16, 32)


def boundary_distance(mask: np.ndarray) -> np.ndarray:
    """Returns the Euclidean distance of each pixel to the nearest boundary pixel, in pixels.

    Args:
        mask: true labels, the ignore label among them; integers [height, width].

    Returns:
        float64 [height, width]; 0 at a boundary pixel, infinity all over a mask of one label.
    """
    boundary = boundary_pixels(mask)
    if not boundary.any():
        return np.full(mask.shape, np.inf)
    return distance_transform_edt(~boundary)


class Trimap:
    """Counts the pixels less than r pixels away from a boundary pixel, for each width r.

    A band of width 1 is the boundary pixels themselves, on both sides of a boundary; one of width r
    is r pixels wide on either side.

    Args:
        num_classes: number of classes.
        ignore_label: label of pixels that are left out, or None.
        widths: of the bands in pixels, ascending.
    """

    def __init__(
        self, num_classes: int, ignore_label: int | None, widths: Sequence[int] = WIDTHS
    ) -> None:
        self.widths = tuple(widths)
        self._num_classes, self._ignore_label = num_classes, ignore_label
        # Of each band, what the next narrower one has not: every pixel is counted once.
        self._rings = [self._matrix() for _ in self.widths]

    def _matrix(self) -> ConfusionMatrix:
        return ConfusionMatrix(self._num_classes, self._ignore_label)

    def update(self, mask: np.ndarray, predictions: np.ndarray, distance: np.ndarray) -> None:
        """Adds the pixels of one image.

        Args:
            mask: true labels, integers [height, width].
            predictions: predicted labels, integers [height, width].
            distance: what `boundary_distance` returned for the mask.

        Raises:
            ValueError: as `ConfusionMatrix.update`.
        """
        numbers = np.searchsorted(self.widths, distance, side="right")
        for number, ring in enumerate(self._rings):
            inside = numbers == number
            ring.update(mask[inside], predictions[inside])

    def matrices(self) -> dict[int, ConfusionMatrix]:
        """Returns the counts of each band by its width; a band holds all narrower ones."""
        band, bands = self._matrix(), {}
        for width, ring in zip(self.widths, self._rings, strict=True):
            band.merge(ring)
            bands[width] = self._matrix()
            bands[width].merge(band)
        return bands
