"""The 95 % Hausdorff distance: how far two outlines are from each other, without the worst 5 %.

Source: Huttenlocher et al., "Comparing Images Using the Hausdorff Distance", IEEE TPAMI 1993, for
the distance; its 95th percentile as in Menze et al., "The Multimodal Brain Tumor Image Segmentation
Benchmark (BRATS)", IEEE TMI 2015, section IV-B.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def hausdorff_95(
    first: np.ndarray, second: np.ndarray, spacing: tuple[float, float] = (1.0, 1.0)
) -> float:
    """Returns the larger of two 95th percentiles: of the distances from each outline to the other.

    The outline of a mask is its pixels with a neighbor above, below, left or right that is outside
    of it, or beyond the border of the image.

    Args:
        first: bool [height, width].
        second: bool [height, width].
        spacing: height and width of a pixel, in millimeters for example.

    Returns:
        The distance in units of ``spacing``; NaN where one of the masks is empty.
    """
    if not first.any() or not second.any():
        return float("nan")
    # Both outlines lie in the box around both masks, and so do all nearest points.
    box = ndimage.find_objects((first | second).astype(np.uint8))[0]
    one, other = (_outline(np.pad(mask[box], 1)) for mask in (first, second))
    return max(_directed(one, other, spacing), _directed(other, one, spacing))


def _outline(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask)


def _directed(of: np.ndarray, to: np.ndarray, spacing: tuple[float, float]) -> float:
    distances = ndimage.distance_transform_edt(~to, sampling=spacing)
    return float(np.percentile(distances[of], 95))
