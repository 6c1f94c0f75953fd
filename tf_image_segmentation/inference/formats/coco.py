"""``coco/``: a COCO dataset of the predictions, for labeling tools and for `convert_dataset.py`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tf_image_segmentation.atomic import place, write_json
from tf_image_segmentation.datasets.custom import coco_masks
from tf_image_segmentation.datasets.custom.coco_file import CocoImage
from tf_image_segmentation.datasets.custom.coco_file import Region as CocoRegion
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
    outline_of_sides,
    regions,
    simplified,
)

_MOST_DRAWN = 2**25  # pixels of an image in which polygons are drawn again


@register_format("coco")
class Coco(LabelFormat):
    """Polygons that are drawn to the same pixels, and run lengths for regions with holes.

    Images are in ``coco/images``, annotations in ``coco/annotations/instances_predicted.json``,
    which is made of a file for each image in ``coco/parts``.

    Args:
        folder: where all results go.
        tolerance: distance in pixels that corners may be left out for, so that polygons have fewer;
            with 0 they are exact.

    Raises:
        DataError: pycocotools is not installed.
    """

    def __init__(self, folder: Path, tolerance: float = 0.0) -> None:
        super().__init__(folder)
        coco_masks.check_installed()
        self._tolerance = tolerance
        self._base = folder / "coco"

    def target(self, job: Job) -> Path:
        """Returns the part of a picture."""
        return self._base / "parts" / f"{self._name(job)}.json"

    def _name(self, job: Job) -> str:
        return job.output.relative_to(self.folder).as_posix()

    def check(self, jobs: Sequence[Job], classes: Classes) -> None:
        """Refuses classes of one name."""
        if len(set(classes.labels)) < len(classes.labels):
            raise DataError("two classes have one name, so that categories would be mixed up")

    def write(self, labeled: Labeled, staging: Path) -> None:
        """Writes the image, and then its part."""
        images = self._base / "images"
        image = place_image(labeled, images / self._name(labeled.job), staging)
        name = image.relative_to(images).as_posix()
        height, width = labeled.labels.shape
        part = {
            "image": {"file_name": name, "height": height, "width": width},
            "annotations": self._annotations(labeled, name),
        }
        self.target(labeled.job).parent.mkdir(parents=True, exist_ok=True)
        (staging / "part").write_text(json.dumps(part), encoding="utf-8")
        place(staging / "part", self.target(labeled.job))

    def _annotations(self, labeled: Labeled, name: str) -> list[dict[str, Any]]:
        labels, background = labeled.labels, labeled.classes.background
        found = list(regions(labels, () if background is None else (background,)))
        annotations = [_annotation(region, labels.shape, self._tolerance) for region in found]
        if self._tolerance > 0 or _drawn_alike(labels, annotations, name, background):
            return annotations
        return [_annotation(region, labels.shape, None) for region in found]

    def finish(self, classes: Classes) -> None:
        """Writes the annotations of all parts that there are."""
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for path in sorted((self._base / "parts").rglob("*.json")):
            part = json.loads(path.read_text(encoding="utf-8"))
            images.append({"id": len(images) + 1, **part["image"]})
            for each in part["annotations"]:
                number = {"id": len(annotations) + 1, "image_id": len(images)}
                annotations.append({**number, **each})
        categories = [
            {"id": _category(label), "name": name}
            for label, name in enumerate(classes.labels)
            if label != classes.background
        ]
        path = self._base / "annotations" / "instances_predicted.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        fields = {"images": images, "categories": categories, "annotations": annotations}
        write_json(path, fields)


def _category(label: int) -> int:
    return label + 1


def _annotation(region: Region, shape: tuple[int, ...], tolerance: float | None) -> dict[str, Any]:
    """Returns what COCO has of a region; without a tolerance, as run lengths."""
    height, width = region.inside.shape
    outlines = contours(region) if tolerance is not None else []
    if tolerance is not None and len(outlines) == 1:
        polygon = simplified(outline_of_sides(outlines[0]), tolerance)
        segmentation: Any = [polygon.ravel().tolist()]
    else:
        segmentation = {"size": list(shape), "counts": _run_lengths(region, shape)}
    return {
        "category_id": _category(region.label),
        "segmentation": segmentation,
        "area": region.area,
        "bbox": [region.left, region.top, width, height],
        "iscrowd": 0,
    }


def _run_lengths(region: Region, shape: tuple[int, ...]) -> list[int]:
    """Returns the lengths of runs outside and inside in turn, one column after the other."""
    mask = np.zeros(shape, bool)
    mask[region.box] = region.inside
    flat = mask.T.ravel()
    starts = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff([0, *starts.tolist(), flat.size]).tolist()
    return [0, *counts] if flat[0] else counts


def _drawn_alike(
    labels: np.ndarray, annotations: list[dict[str, Any]], name: str, background: int | None
) -> bool:
    """Says whether the converter of COCO files draws the annotations to the same labels."""
    height, width = labels.shape
    if labels.size > _MOST_DRAWN:
        return False
    image = CocoImage(1, name, height, width)
    drawn = coco_masks.read_regions(
        Path(name),
        max_pixels=labels.size,
        image=image,
        place=Path(name),
        regions=[
            CocoRegion(1, each["category_id"], number, each["segmentation"])
            for number, each in enumerate(annotations)
        ],
        ids={_category(label): label for label in range(255)},
    )
    covered = labels if background is None else np.where(labels == background, 0, labels)
    return bool((drawn == covered).all())
