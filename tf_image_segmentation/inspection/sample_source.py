"""Samples of a dataset on disk, inspected before a conversion; needs no TensorFlow."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.decode.intensities import IntensityRangeNeeded, proposal
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inspection.measurement import Fault, Measurement, Position, measure
from tf_image_segmentation.inspection.source import Example
from tf_image_segmentation.workers import map_in_order


class ImageOptions(NamedTuple):
    """How images are read, see `read_sample`."""

    max_pixels: int = MAX_PIXELS
    intensity_range: tuple[float, float] | None = None


class _Job(NamedTuple):
    position: Position
    sample: Sample


class SampleSource:
    """A `Source` of samples.

    Args:
        info: the dataset.
        samples: of each split.
        unlisted: why other splits have no samples, by name.
        options: how images are read.
        workers: processes that read.
        progress: whether a progress bar is shown.
    """

    def __init__(
        self,
        info: DatasetInfo,
        samples: Mapping[str, Sequence[Sample]],
        unlisted: Mapping[str, str] | None = None,
        options: ImageOptions | None = None,
        workers: int = 1,
        progress: bool = False,
    ) -> None:
        self.info: DatasetInfo | None = info
        self.listed: Mapping[str, int] = {split: len(listed) for split, listed in samples.items()}
        self._samples, self._unlisted = samples, unlisted or {}
        self._read = functools.partial(_read, info=info, options=options or ImageOptions())
        self._workers, self._progress = workers, progress

    def measure(self, observe: Callable[[Measurement], None]) -> list[Fault]:
        """Reads and checks every sample, see `Source.measure`."""
        faults = [Fault("unlisted", split, reason) for split, reason in self._unlisted.items()]
        jobs = []
        for job in self._jobs():
            missing = missing_files([job.sample])
            faults += [Fault("missing", job.position.split, text) for text in missing.values()]
            jobs += [] if missing else [job]
        measure_job = functools.partial(_measured, read=self._read)
        deep: list[IntensityRangeNeeded] = []
        with closing(map_in_order(jobs, measure_job, self._workers)) as results:
            shown = tqdm(results, total=len(jobs), unit="image", disable=not self._progress)
            for job, result in zip(jobs, shown, strict=True):
                if isinstance(result, IntensityRangeNeeded):
                    deep.append(result)
                elif isinstance(result, DataError):
                    faults.append(Fault("broken", job.position.split, str(result)))
                else:
                    observe(result)
        if deep:
            splits = ", ".join(self._samples)
            faults.append(Fault("intensity-range", splits, proposal(deep)))
        return faults

    def _jobs(self) -> Iterable[_Job]:
        for split, samples in self._samples.items():
            for number, sample in enumerate(samples):
                yield _Job(Position(split, number), sample)

    def selection(self, count: int) -> list[Position]:
        """Returns positions at even distances over each split, as many in each."""
        share = -(-count // max(len(self.listed), 1))
        chosen = []
        for split, size in self.listed.items():
            numbers = np.linspace(0, size - 1, min(share, size)).round().astype(int)
            chosen += [Position(split, number) for number in numbers.tolist()]
        return chosen

    def examples(self, wanted: Collection[Position]) -> dict[Position, Example]:
        """Reads samples, see `Source.examples`."""
        found = {}
        for position in wanted:
            try:
                found[position] = self._read(self._samples[position.split][position.number])
            except DataError:  # found and told of before
                continue
        return found


def list_samples(
    splits: Mapping[str, Sequence[Sample]], chosen: Iterable[str]
) -> tuple[dict[str, Sequence[Sample]], dict[str, str]]:
    """Lists the samples of each chosen split.

    Args:
        splits: of an open dataset.
        chosen: names of splits.

    Returns:
        Samples by split, and by split why it has none, for those that cannot be listed.
    """
    samples: dict[str, Sequence[Sample]] = {}
    unlisted = {}
    for split in chosen:
        try:
            samples[split] = splits[split]
        except (DataError, OSError) as error:
            unlisted[split] = str(error)
    return samples, unlisted


def _read(sample: Sample, info: DatasetInfo, options: ImageOptions) -> Example:
    checked = read_sample(sample, info, **options._asdict())
    image = np.array(Image.open(io.BytesIO(checked.encoded_image)))
    return Example(image, checked.mask, sample.image_id)


def _measured(job: _Job, read: Callable[[Sample], Example]) -> Measurement:
    image, mask, image_id = read(job.sample)
    return measure(job.position, image_id, image, mask)
