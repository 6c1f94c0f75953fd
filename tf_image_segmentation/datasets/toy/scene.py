"""Draws one picture of the `shapes` dataset with its classes, from signed distances."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

# Half the width in pixels of the unlabeled border; the whole border is 2 to 3 pixels wide.
BORDER_HALF_WIDTH = 1.25
# Diameter of an object as a fraction of the picture's shorter side.
SMALLEST_DIAMETER, LARGEST_DIAMETER = 0.25, 0.6


@dataclass(frozen=True)
class Scene:
    """A drawn picture.

    Attributes:
        image: uint8 [height, width, 3], RGB.
        classes: uint8 [height, width], the class of every pixel, no ignore label.
        border: bool [height, width], True on the outlines that VOC leaves without a label.
    """

    image: np.ndarray
    classes: np.ndarray
    border: np.ndarray


@dataclass(frozen=True)
class Plane:
    """Where pixels lie in the turned frame of an object: offsets in pixels from its center.

    Attributes:
        x: float [height, width].
        y: float [height, width].
    """

    x: np.ndarray
    y: np.ndarray


# A signed distance [height, width] in pixels to the outline, negative inside; takes the radius.
SignedDistance = Callable[[Plane, float], np.ndarray]


def _disk(plane: Plane, radius: float) -> np.ndarray:
    return np.hypot(plane.x, plane.y) - radius


def _ring(plane: Plane, radius: float) -> np.ndarray:
    hole = 0.55 * radius
    return np.abs(np.hypot(plane.x, plane.y) - (radius + hole) / 2) - (radius - hole) / 2


def _polygon(plane: Plane, corners: np.ndarray) -> np.ndarray:
    """Signed distance to a closed polygon, ``corners`` float [n, 2] as (x, y)."""
    distance = np.full(plane.x.shape, np.inf)
    inside = np.zeros(plane.x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey = bx - ax, by - ay
        px, py = plane.x - ax, plane.y - ay
        along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
        distance = np.minimum(distance, np.hypot(px - along * ex, py - along * ey))
        if ay != by:  # even-odd rule: count the edges that a ray to the right crosses
            crosses = ((ay > plane.y) != (by > plane.y)) & (px < py * ex / ey)
            inside ^= crosses
    return np.where(inside, -distance, distance)


def _regular_polygon(num_corners: int, inner: float = 1.0) -> SignedDistance:
    """A polygon with its corners on a circle, every second one at ``inner`` of the radius."""
    angles = 2 * np.pi * np.arange(num_corners) / num_corners
    scale = np.where(np.arange(num_corners) % 2, inner, 1.0)
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * scale[:, None]
    return lambda plane, radius: _polygon(plane, corners * radius)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> np.ndarray:
    """Noise in -1..1, float [height, width], whose lumps are about ``cell`` pixels wide."""
    grid = rng.uniform(-1, 1, [max(2, round(side / cell) + 1) for side in shape])
    lumps = Image.fromarray(grid.astype(np.float32))
    return np.asarray(lumps.resize(shape[::-1], Image.Resampling.BILINEAR), np.float64)


def _stripes(rng: np.random.Generator, plane: Plane) -> np.ndarray:
    phase, period = rng.uniform(0, 2 * np.pi), rng.uniform(6, 14)
    return np.sin(2 * np.pi * plane.x / period + phase)


def _checks(rng: np.random.Generator, plane: Plane) -> np.ndarray:
    return np.sign(_stripes(rng, plane) * _stripes(rng, Plane(plane.y, plane.x)))


def _lumps(rng: np.random.Generator, plane: Plane) -> np.ndarray:
    return _smooth_noise(rng, plane.x.shape, rng.uniform(8, 16))


def _grain(rng: np.random.Generator, plane: Plane) -> np.ndarray:
    return _smooth_noise(rng, plane.x.shape, rng.uniform(2, 4))


def _gradient(rng: np.random.Generator, plane: Plane) -> np.ndarray:
    slope = plane.x * rng.uniform(-1, 1) + plane.y * rng.uniform(-1, 1)
    return slope / max(np.abs(slope).max(), 1e-6)


@dataclass(frozen=True)
class ShapeClass:
    """How the objects of one class look.

    Attributes:
        outline: signed distance to the outline.
        hue: typical hue, 0..1; an object's hue lies within 0.07 of it.
        texture: gives values in -1..1 that lighten and darken the object.
    """

    outline: SignedDistance
    hue: float
    texture: Callable[[np.random.Generator, Plane], np.ndarray]


# In the order of the class ids; id 0 is the background.
SHAPE_CLASSES = {
    "disk": ShapeClass(_disk, 0.0, _lumps),
    "square": ShapeClass(_regular_polygon(4), 0.6, _stripes),
    "triangle": ShapeClass(_regular_polygon(3), 0.35, _grain),
    "star": ShapeClass(_regular_polygon(10, inner=0.42), 0.14, _gradient),
    "ring": ShapeClass(_ring, 0.82, _checks),
}


def _plane(shape: tuple[int, int], center: tuple[float, float], angle: float) -> Plane:
    y, x = np.mgrid[: shape[0], : shape[1]] - np.reshape(center, [2, 1, 1])
    return Plane(x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle))


def _textured(hue: float, saturation: float, value: np.ndarray) -> np.ndarray:
    """Returns float [height, width, 3] in 0..255 of one color, lit by ``value`` in 0..1."""
    color = np.array(colorsys.hsv_to_rgb(hue % 1, saturation, 1.0))
    return 255 * color * np.clip(value, 0, 1)[:, :, None]


def _draw_background(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A mixture of two dull colors, with a gradient, two sizes of noise and stripes."""
    plane = _plane(shape, (shape[0] / 2, shape[1] / 2), rng.uniform(0, 2 * np.pi))
    textures = (_gradient, _lumps, _grain, _stripes)
    weights = rng.dirichlet(np.ones(len(textures))) * rng.uniform(0.2, 0.5)
    light = rng.uniform(0.35, 0.75) + sum(
        weight * texture(rng, plane) for weight, texture in zip(weights, textures, strict=True)
    )
    blend = (_smooth_noise(rng, shape, max(shape) / 3)[:, :, None] + 1) / 2
    one, other = (_textured(rng.random(), rng.uniform(0, 0.4), light) for _ in range(2))
    return one * blend + other * (1 - blend)


def _draw_object(
    rng: np.random.Generator, shape_class: ShapeClass, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns an object's colors [height, width, 3] and its signed distance [height, width]."""
    # A center this near to the picture's border has some objects cut by it.
    center = rng.uniform(0.1, 0.9, 2) * shape
    plane = _plane(shape, (center[0], center[1]), rng.uniform(0, 2 * np.pi))
    radius = min(shape) * rng.uniform(SMALLEST_DIAMETER, LARGEST_DIAMETER) / 2
    light = rng.uniform(0.55, 0.85) + rng.uniform(0.1, 0.25) * shape_class.texture(rng, plane)
    hue = shape_class.hue + rng.uniform(-0.07, 0.07)
    return _textured(hue, rng.uniform(0.55, 0.9), light), shape_class.outline(plane, radius)


def draw_scene(rng: np.random.Generator, height: int, width: int) -> Scene:
    """Draws one to four objects over a textured background, later ones over earlier ones.

    Args:
        rng: decides everything; the same state draws the same picture.
        height: in pixels.
        width: in pixels.
    """
    shape = (height, width)
    image = _draw_background(rng, shape)
    classes = np.zeros(shape, np.uint8)
    border = np.zeros(shape, bool)
    shape_classes = list(SHAPE_CLASSES.values())
    for index in rng.integers(len(shape_classes), size=rng.integers(1, 5)):
        colors, distance = _draw_object(rng, shape_classes[index], shape)
        cover = np.clip(0.5 - distance, 0, 1)[:, :, None]  # soft edges, as a lens gives
        image = colors * cover + image * (1 - cover)
        classes[distance <= 0] = index + 1
        border[distance <= 0] = False  # an object hides the outlines behind it
        border[np.abs(distance) <= BORDER_HALF_WIDTH] = True
    image += rng.normal(0, rng.uniform(2, 8), [*shape, 3])  # sensor noise
    return Scene(np.clip(np.rint(image), 0, 255).astype(np.uint8), classes, border)
