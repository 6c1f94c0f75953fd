"""``NAME_labels.tif``: class ids as gray values; those of a stack are one file of as many pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from tf_image_segmentation.atomic import place
from tf_image_segmentation.inference.formats import Labeled, LabelFormat, register_format
from tf_image_segmentation.inference.jobs import Job


@register_format("tiff")
class Tiff(LabelFormat):
    """An 8-bit gray TIFF for each file, because of a palette TIFF most programs read colors."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._target: Path | None = None  # of the pages that are written
        self._written = 0

    def target(self, job: Job) -> Path:
        """Returns ``NAME_labels.tif``, that of the whole stack for one of its pages."""
        return job.stack_output.with_name(job.stack_output.name + "_labels.tif")

    def write(self, labeled: Labeled, staging: Path) -> None:
        """Writes a page; the file appears with the last one, unless one was skipped."""
        job, path = labeled.job, staging / "labels.tif"
        target = self.target(job)
        if not job.page or target != self._target:
            path.unlink(missing_ok=True)
            self._target, self._written = target, 0
        tifffile.imwrite(
            path,
            np.ascontiguousarray(labeled.labels),
            append=bool(self._written),
            compression="zlib",
            photometric="minisblack",
            metadata=None,
        )
        self._written += 1
        if self._written == job.pages:
            place(path, target)
