"""``NAME_labels.nii.gz``: class ids as a volume in the place of the one that was predicted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_image_segmentation.atomic import place
from tf_image_segmentation.datasets.decode.nifti import write_labels
from tf_image_segmentation.datasets.decode.pages import kind_of
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.formats import (
    Classes,
    Labeled,
    LabelFormat,
    register_format,
)
from tf_image_segmentation.inference.jobs import Job


@register_format("nifti")
class Nifti(LabelFormat):
    """A volume for each NIfTI file, with its affine, spacing and units."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._target: Path | None = None  # of the slices that are kept
        self._slices: list[np.ndarray] = []

    def target(self, job: Job) -> Path:
        """Returns ``NAME_labels.nii.gz``."""
        return job.stack_output.with_name(job.stack_output.name + "_labels.nii.gz")

    def check(self, jobs: Sequence[Job], classes: Classes) -> None:
        """Refuses files that have no affine to keep."""
        others = dict.fromkeys(job.image for job in jobs if kind_of(job.image) != "NIfTI")
        if others:
            raise DataError(
                f"{', '.join(map(str, list(others)[:5]))}: no NIfTI files, so that there is no "
                "affine to keep; use --format png or tiff"
            )

    def write(self, labeled: Labeled, staging: Path) -> None:
        """Takes a slice; the file appears with the last one, unless one was skipped."""
        job = labeled.job
        target = self.target(job)
        if not job.page or target != self._target:
            self._target, self._slices = target, []
        self._slices.append(labeled.labels)
        if len(self._slices) == job.pages:
            path = staging / "labels.nii.gz"
            write_labels(path, np.stack(self._slices), job.image)
            place(path, target)
            self._slices.clear()
