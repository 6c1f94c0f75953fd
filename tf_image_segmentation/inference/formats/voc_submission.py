"""``results/VOC2012/...``: what the evaluation server of PASCAL VOC takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tf_image_segmentation.atomic import place
from tf_image_segmentation.datasets.registry import get_dataset
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.inference.formats import (
    Classes,
    Labeled,
    LabelFormat,
    register_format,
)
from tf_image_segmentation.inference.jobs import Job
from tf_image_segmentation.inference.visualization import palette_image


@register_format("voc_submission")
class VocSubmission(LabelFormat):
    """Palette PNGs of the 21 classes, named by the ids of images.

    Args:
        folder: where all results go.
        competition: "comp6" for models that saw other data too, such as ImageNet; "comp5" for
            those that saw VOC alone.
    """

    def __init__(self, folder: Path, competition: str = "comp6") -> None:
        super().__init__(folder)
        self._images = folder / f"results/VOC2012/Segmentation/{competition}_test_cls"

    def target(self, job: Job) -> Path:
        """Returns ``<id>.png``."""
        return self._images / f"{job.output.name}.png"

    def check(self, jobs: Sequence[Job], classes: Classes) -> None:
        """Refuses other classes than those of VOC."""
        info = get_dataset("pascal_voc").info
        info.check_model(len(classes.palette), classes.names or None)

    def write(self, labeled: Labeled, staging: Path) -> None:
        """Writes the PNG."""
        target = self.target(labeled.job)
        target.parent.mkdir(parents=True, exist_ok=True)
        palette_image(labeled.labels, voc_color_map()).save(staging / target.name)
        place(staging / target.name, target)
