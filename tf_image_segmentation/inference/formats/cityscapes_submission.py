"""``cityscapes/``: what the evaluation of Cityscapes takes, PNGs of label ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tf_image_segmentation.atomic import place
from tf_image_segmentation.datasets.classes_file import published_classes
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.formats import (
    Classes,
    Labeled,
    LabelFormat,
    register_format,
)
from tf_image_segmentation.inference.jobs import Job


@register_format("cityscapes_submission")
class CityscapesSubmission(LabelFormat):
    """Gray PNGs ``<city>_<sequence>_<frame>_pred.png`` of label ids, not of train ids."""

    def target(self, job: Job) -> Path:
        """Returns the PNG; see `check` for the names of images."""
        name = job.output.name.removesuffix("_leftImg8bit")
        return self.folder / "cityscapes" / f"{name}_pred.png"

    def check(self, jobs: Sequence[Job], classes: Classes) -> None:
        """Refuses other classes than the 19, and images that are not named as the dataset's."""
        info = published_classes("cityscapes")
        info.check_model(len(classes.palette), classes.names or None)
        for job in jobs:
            if not re.match(r"[a-z-]+_\d{6}_\d{6}(_|$)", job.output.name, re.IGNORECASE):
                raise DataError(
                    f"{job.image}: is not named <city>_<sequence>_<frame>_leftImg8bit.png, by "
                    "which the evaluation finds it; keep the dataset's names"
                )

    def write(self, labeled: Labeled, staging: Path) -> None:
        """Writes the PNG."""
        target = self.target(labeled.job)
        target.parent.mkdir(parents=True, exist_ok=True)
        ids = np.zeros(256, np.uint8)
        for stored, label in published_classes("cityscapes").label_map.items():
            ids[label] = stored
        Image.fromarray(ids[labeled.labels]).save(staging / target.name)
        place(staging / target.name, target)
