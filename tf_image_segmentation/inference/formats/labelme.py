"""``labelme/``: a file of LabelMe for each picture, beside the picture, and classes.csv."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tf_image_segmentation.atomic import place, write_text
from tf_image_segmentation.datasets.classes_file import CLASSES_FILE, is_ignored
from tf_image_segmentation.datasets.custom.labelme import BACKGROUND_NAMES
from tf_image_segmentation.datasets.custom.labelme_shapes import Shape, draw_shape
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.exported_image import place_image
from tf_image_segmentation.inference.formats import (
    Classes,
    Labeled,
    LabelFormat,
    register_format,
)
from tf_image_segmentation.inference.jobs import Job
from tf_image_segmentation.inference.regions import (
    Region,
    contours,
    outline_of_pixels,
    regions,
    simplified,
)


@register_format("labelme")
class LabelMe(LabelFormat):
    """Polygons, larger ones first, so that what lies in a hole of a region is drawn over it.

    Args:
        folder: where all results go.
        tolerance: see `Coco`.
    """

    def __init__(self, folder: Path, tolerance: float = 0.0) -> None:
        super().__init__(folder)
        self._tolerance = tolerance
        self._base = folder / "labelme"

    def target(self, job: Job) -> Path:
        """Returns the JSON file; subfolders become part of its name, because they mean splits."""
        name = "__".join(job.output.relative_to(self.folder).parts)
        return self._base / f"{name}.json"

    def check(self, jobs: Sequence[Job], classes: Classes) -> None:
        """Refuses names that mean something else in LabelMe, and pictures of one name."""
        if bad := [name for name in classes.labels if is_ignored(name) or not name.strip()]:
            raise DataError(f"classes {bad} would be read as ignored pixels; use --format coco")
        names = Counter(self.target(job).name for job in jobs)
        if twice := sorted(name for name, count in names.items() if count > 1):
            raise DataError(f"{', '.join(twice)}: would be written for several images; rename one")

    def write(self, labeled: Labeled, staging: Path) -> None:
        """Writes the image, and then its file of shapes."""
        target = self.target(labeled.job)
        image = place_image(labeled, target.with_suffix(""), staging)
        height, width = labeled.labels.shape
        fields = {
            "version": "5.5.0",
            "flags": {},
            "shapes": self._shapes(labeled),
            "imagePath": image.name,
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        (staging / "shapes").write_text(json.dumps(fields, indent=1), encoding="utf-8")
        place(staging / "shapes", target)

    def _shapes(self, labeled: Labeled) -> list[dict[str, Any]]:
        labels, classes = labeled.labels, labeled.classes
        found = sorted(regions(labels), key=lambda region: -np.count_nonzero(region.filled))
        drawn = np.zeros(labels.shape, bool)
        shapes = []
        for region in found:
            # Background is a shape of its own where it lies in the hole of a region.
            if region.label != classes.background or _meets(region, drawn):
                shapes.append(_polygon(region, classes, self._tolerance))
                drawn[region.box] |= region.filled
        if self._tolerance > 0 or (_drawn(shapes, classes, labels.shape) == labels).all():
            return shapes
        return [_mask(region, classes) for region in found if region.label != classes.background]

    def finish(self, classes: Classes) -> None:
        """Writes the classes in their order, with a row for the background."""
        names, colors = list(classes.labels), list(classes.palette)
        if not set(BACKGROUND_NAMES) & set(names):
            names.append(BACKGROUND_NAMES[0])
            colors.append(next(color for color in voc_color_map() if color not in colors))
        rows = [
            [name, "#{:02x}{:02x}{:02x}".format(*c)] for name, c in zip(names, colors, strict=True)
        ]
        if len(set(colors)) < len(colors):  # which the converter refuses
            rows = [[name, ""] for name in names]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([("name", "color"), *rows])
        write_text(self._base / CLASSES_FILE, text.getvalue())


def _meets(region: Region, drawn: np.ndarray) -> bool:
    return bool((drawn[region.box] & region.inside).any())


def _shape(region: Region, classes: Classes, kind: str, points: Any, **others: Any) -> Any:
    return {
        "label": classes.labels[region.label],
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        **others,
    }


def _polygon(region: Region, classes: Classes, tolerance: float) -> dict[str, Any]:
    outer = max(contours(region), key=lambda contour: np.ptp(contour, axis=0).sum())
    points = simplified(outline_of_pixels(outer, region), tolerance)
    # A point stands for the pixel that it lies in; tools show it in the pixel's middle.
    return _shape(region, classes, "polygon", (points + 0.5).tolist())


def _mask(region: Region, classes: Classes) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.fromarray(region.inside.astype(np.uint8) * 255).save(buffer, format="PNG")
    height, width = region.inside.shape
    corners = [
        [region.left, region.top],
        [region.left + width - 1, region.top + height - 1],
    ]
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return _shape(region, classes, "mask", corners, mask=encoded)


def _drawn(shapes: Sequence[dict[str, Any]], classes: Classes, size: tuple[int, ...]) -> np.ndarray:
    """Returns the labels that the converter of LabelMe files draws."""
    ids = {name: label for label, name in enumerate(classes.labels)}
    fill = 255 if classes.background is None else classes.background
    labels = Image.new("L", (size[1], size[0]), fill)
    for shape in shapes:
        described = Shape(shape["label"], shape["points"], shape["shape_type"])
        draw_shape(labels, described, ids[described.label], "prediction")
    return np.asarray(labels)
