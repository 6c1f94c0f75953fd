"""Connected regions of labels, their outlines, and which of them are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
from scipy import ndimage


class Region(NamedTuple):
    """Pixels of one class that are connected by their sides.

    Attributes:
        label: class id.
        top: first row of its box.
        left: first column of its box.
        inside: bool [height, width] of its box.
    """

    label: int
    top: int
    left: int
    inside: np.ndarray

    @property
    def area(self) -> int:
        """Number of its pixels."""
        return int(np.count_nonzero(self.inside))

    @property
    def box(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        height, width = self.inside.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    @property
    def filled(self) -> np.ndarray:
        """As ``inside``, with what it encloses."""
        return ndimage.binary_fill_holes(self.inside, np.ones((3, 3)))


def regions(labels: np.ndarray, left_out: Collection[int] = ()) -> Iterator[Region]:
    """Yields the regions of all classes, by class id.

    Args:
        labels: integers [height, width].
        left_out: class ids whose regions are not wanted.
    """
    for label in np.unique(labels).tolist():
        if label in left_out:
            continue
        numbers, _ = ndimage.label(labels == label)
        for number, (rows, columns) in enumerate(ndimage.find_objects(numbers), start=1):
            inside = numbers[rows, columns] == number
            yield Region(label, rows.start, columns.start, inside)


def keep_largest(labels: np.ndarray, classes: Collection[int], background: int) -> np.ndarray:
    """Returns labels in which each of some classes has one region, its largest.

    Args:
        labels: uint8 [height, width].
        classes: class ids that are to have one region; pixels that touch at a corner belong
            together.
        background: class id of what their other regions become.
    """
    kept = labels.copy()
    for label in classes:
        numbers, count = ndimage.label(labels == label, np.ones((3, 3)))
        if count > 1:
            sizes = np.bincount(numbers.ravel())[1:]
            kept[(numbers > 0) & (numbers != 1 + sizes.argmax())] = background
    return kept


def boundary_pixels(labels: np.ndarray, width: int = 1) -> np.ndarray:
    """Returns where another label is at most ``width`` pixels above, below, left or right.

    The border of the image is no boundary.

    Args:
        labels: integers [height, width].
        width: of the boundary on either side, in pixels.

    Returns:
        bool [height, width].
    """
    boundary = np.zeros(labels.shape, bool)
    for ids, found in ((labels, boundary), (labels.T, boundary.T)):
        for distance in range(1, min(width, len(ids) - 1) + 1):
            differs = ids[distance:] != ids[:-distance]
            found[distance:] |= differs
            found[:-distance] |= differs
    return boundary


def contours(region: Region) -> list[np.ndarray]:
    """Returns the closed contours of a region: one, and one for each hole.

    Returns:
        Float arrays [points, 2] of y and x in pixels of the image, where whole numbers are pixel
        centers. Each point lies in the middle of a side between a pixel inside and one outside; the
        first is not repeated at the end.
    """
    from skimage.measure import find_contours

    padded = np.pad(region.inside, 1).astype(np.float32)
    found = find_contours(padded, 0.5, fully_connected="low")
    corner = np.array([region.top - 1, region.left - 1])
    return [each[:-1] + corner for each in found]


def outline_of_sides(contour: np.ndarray) -> np.ndarray:
    """Returns the corners of the polygon along the sides of pixels, as x and y, int [points, 2].

    Whole numbers are corners of pixels here: pixel (0, 0) has the corners (0, 0) and (1, 1).
    """
    middles = contour[:, ::-1] + 0.5
    following = np.roll(middles, -1, axis=0)
    whole = middles == np.floor(middles)
    whole_following = following == np.floor(following)
    mean = (middles + following) / 2
    corners = np.where(whole, middles, np.where(whole_following, following, mean))
    return _without_straight(corners.astype(np.int64))


def outline_of_pixels(contour: np.ndarray, region: Region) -> np.ndarray:
    """Returns the polygon through the centers of a region's outermost pixels, as x and y.

    Whole numbers are pixels, int [points, 2]; at least three points.
    """
    low, high = np.floor(contour).astype(int), np.ceil(contour).astype(int)
    rows, columns = low[:, 0] - region.top, low[:, 1] - region.left
    height, width = region.inside.shape
    fits = (rows >= 0) & (columns >= 0) & (rows < height) & (columns < width)
    is_low = fits & region.inside[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    pixels = np.where(is_low[:, np.newaxis], low, high)[:, ::-1]
    changes = (pixels != np.roll(pixels, 1, axis=0)).any(axis=1)
    pixels = _without_straight(pixels[changes] if changes.any() else pixels[:1])
    return np.concatenate([pixels, np.repeat(pixels[-1:], max(0, 3 - len(pixels)), axis=0)])


def _without_straight(points: np.ndarray) -> np.ndarray:
    """Drops the points at which a closed polygon goes straight on."""
    before = points - np.roll(points, 1, axis=0)
    after = np.roll(points, -1, axis=0) - points
    turns = (before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]) | (
        (before * after).sum(axis=1) <= 0
    )
    return points[turns] if turns.any() else points[:1]


def simplified(polygon: np.ndarray, tolerance: float) -> np.ndarray:
    """Returns a polygon of fewer points, none of those left out farther away than ``tolerance``."""
    from skimage.measure import approximate_polygon

    if tolerance <= 0 or len(polygon) < 4:
        return polygon
    closed = approximate_polygon(np.concatenate([polygon, polygon[:1]]), tolerance)
    return closed[:-1] if len(closed) > 3 else polygon
