"""``NAME_labels.png``: class ids as an 8-bit palette PNG."""

from __future__ import annotations

from pathlib import Path

from tf_image_segmentation.atomic import place
from tf_image_segmentation.inference.formats import Labeled, LabelFormat, register_format
from tf_image_segmentation.inference.jobs import Job
from tf_image_segmentation.inference.visualization import palette_image


@register_format("png")
class Png(LabelFormat):
    """A palette PNG for each picture, which shows the classes in their colors."""

    def target(self, job: Job) -> Path:
        """Returns ``NAME_labels.png``."""
        return job.path("_labels.png")

    def write(self, labeled: Labeled, staging: Path) -> None:
        """Writes the PNG."""
        path = staging / "labels.png"
        palette_image(labeled.labels, labeled.classes.palette).save(path)
        place(path, self.target(labeled.job))
