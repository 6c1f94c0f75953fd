"""What is written where no format is named: volumes of NIfTI files, PNGs of all others."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from tf_image_segmentation.datasets.decode.pages import kind_of
from tf_image_segmentation.inference.formats import Labeled, LabelFormat, register_format
from tf_image_segmentation.inference.formats.nifti import Nifti
from tf_image_segmentation.inference.formats.png import Png
from tf_image_segmentation.inference.jobs import Job


@lru_cache(maxsize=1)
def _is_volume(image: Path) -> bool:
    return kind_of(image) == "NIfTI"


@register_format("auto")
class Auto(LabelFormat):
    """The format nearest to that of the file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._png, self._nifti = Png(folder), Nifti(folder)

    def _of(self, job: Job) -> LabelFormat:
        # A damaged file is found where it is read, and a missing one before.
        name = job.image.name.lower()
        is_volume = name.endswith((".nii", ".nii.gz")) and _is_volume(job.image)
        return self._nifti if is_volume else self._png

    def target(self, job: Job) -> Path:
        """Returns the target of the format that the file gets."""
        return self._of(job).target(job)

    def write(self, labeled: Labeled, staging: Path) -> None:
        """Writes it in that format."""
        self._of(labeled.job).write(labeled, staging)
