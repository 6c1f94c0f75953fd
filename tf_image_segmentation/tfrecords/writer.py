"""Converts a dataset to files of records: what goes where, in which order, and what is refused."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from msgspec.structs import replace
from tqdm import tqdm

from tf_image_segmentation.datasets.decode.encoding import EncodedSample, encode_sample
from tf_image_segmentation.datasets.decode.images import MAX_PIXELS
from tf_image_segmentation.datasets.decode.intensities import IntensityRangeNeeded, proposal
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import check_ids, missing_files
from tf_image_segmentation.datasets.long_lists import first_lines
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DISK_FULL, DataError, disk_error
from tf_image_segmentation.tfrecords.files import shard_name
from tf_image_segmentation.tfrecords.manifest import (
    Manifest,
    Shard,
    Split,
    check_output,
    file_sha256,
    output_folder,
)
from tf_image_segmentation.tfrecords.schema import serialize
from tf_image_segmentation.workers import map_in_order

_SKIP_BAD_HINT = "mend them, or leave them out (--skip-bad)"
_MAX_BAD_SAMPLES = 50
_LOG = logging.getLogger(__name__)


def convert(
    info: DatasetInfo,
    samples_by_split: Mapping[str, Sequence[Sample]],
    output_dir: str | os.PathLike[str],
    *,
    num_shards: int = 8,
    workers: int | None = None,
    skip_bad: bool = False,
    overwrite: bool = False,
    shuffle_seed: int = 0,
    source: Mapping[str, Any] | None = None,
    max_pixels: int = MAX_PIXELS,
    intensity_range: tuple[float, float] | None = None,
    progress: bool = True,
) -> Manifest:
    """Writes ``<split>-00000-of-00008.tfrecord`` ... and ``manifest.json`` into a new folder.

    The folder appears when everything is in it; whatever ends the conversion earlier leaves
    nothing. The same input gives the same bytes, whatever the number of workers.

    Args:
        info: the dataset's description; goes into the manifest.
        samples_by_split: samples of each split. A split whose name starts with "train" is shuffled.
        output_dir: the folder to make.
        num_shards: files for each split; fewer where a split has fewer samples.
        workers: processes that read and check samples; None takes one for each CPU. A program that
            uses more than one must call this below ``if __name__ == "__main__":``.
        skip_bad: leave out samples that cannot be used; the manifest then lists them.
        overwrite: replace ``output_dir`` if it holds records, once the new ones are complete.
        shuffle_seed: decides the order of training splits.
        source: more facts for the manifest, plain JSON types.
        max_pixels: largest image, height times width.
        intensity_range: for 16-bit images, the values that become 0 and 255.
        progress: show a progress bar with rate and time left.

    Returns:
        The manifest that was written.

    Raises:
        DataError: the input cannot be used; lists every missing file, or up to 50 bad samples.
        OSError: the output cannot be written, for example because the disk is full.
    """
    if num_shards < 1 or (workers is not None and workers < 1):
        raise DataError(f"num_shards ({num_shards}) and workers ({workers}) must be at least 1")
    if info.num_classes < 2:
        raise DataError(
            f"dataset {info.name!r} has the single class {', '.join(info.class_names)}; a model "
            "tells classes apart, so name the background as a class, too"
        )
    output_dir = Path(output_dir)
    check_output(output_dir, overwrite)
    check_ids(samples_by_split)
    missing = _missing_files(samples_by_split, skip_bad)
    samples = {
        name: _in_order(name, [s for s in listed if s.image_id not in missing[name]], shuffle_seed)
        for name, listed in samples_by_split.items()
    }
    for name, usable in samples.items():
        _check_not_empty(name, len(usable), missing[name])
    encode = partial(
        encode_sample, info=info, max_pixels=max_pixels, intensity_range=intensity_range
    )
    facts = {
        "shuffle_seed": shuffle_seed,
        "max_pixels": max_pixels,
        "intensity_range": intensity_range,
        **(source or {}),
    }
    with _plain_write_errors(output_dir), output_folder(output_dir, overwrite) as folder:
        splits = _write(
            folder, samples, missing, info, encode, num_shards, workers, skip_bad, progress
        )
        manifest = Manifest(info, splits, facts)
        manifest.write(folder)
    _warn_of_void(manifest)
    return manifest


def _missing_files(
    samples_by_split: Mapping[str, Sequence[Sample]], skip_bad: bool
) -> dict[str, dict[str, str]]:
    """Returns which samples of each split lack files, and why, by id.

    Raises:
        DataError: there are any (all are listed) and ``skip_bad`` is not set.
    """
    missing = {name: missing_files(samples) for name, samples in samples_by_split.items()}
    reasons = [reason for by_id in missing.values() for reason in by_id.values()]
    if reasons and not skip_bad:
        # The way out comes last, because the list may be longer than a screen.
        lines = "\n  ".join(first_lines(reasons, "missing"))
        raise DataError(
            f"files of {len(reasons)} samples are missing:\n  {lines}\n{_SKIP_BAD_HINT}"
        )
    return missing


def _check_not_empty(split: str, num_examples: int, skipped: Mapping[str, str]) -> None:
    """Raises a `DataError` for a split without a usable sample."""
    if num_examples == 0:
        reasons = "".join(f"\n  {reason}" for reason in list(skipped.values())[:10])
        raise DataError(
            f"split {split!r} has no usable sample ({len(skipped)} bad ones); check the "
            f"folder, the list of ids and the name of the split{reasons}"
        )


def chunks(samples: Sequence[Sample], num_chunks: int) -> list[Sequence[Sample]]:
    """Cuts samples into contiguous chunks of nearly equal length, none of them empty."""
    num_chunks = min(num_chunks, len(samples))
    bounds = [len(samples) * number // num_chunks for number in range(num_chunks + 1)]
    return [samples[start:end] for start, end in pairwise(bounds)]


def _in_order(split: str, samples: Sequence[Sample], seed: int) -> list[Sample]:
    if not split.startswith("train"):
        return list(samples)

    # Random generators may change between library versions; a hash does not.
    def key(sample: Sample) -> str:
        return hashlib.sha256(f"{seed}:{sample.image_id}".encode()).hexdigest()

    return sorted(samples, key=key)


def _write(
    folder: Path,
    samples_by_split: Mapping[str, Sequence[Sample]],
    missing: Mapping[str, Mapping[str, str]],
    info: DatasetInfo,
    encode: Callable[[Sample], EncodedSample],
    num_shards: int,
    workers: int | None,
    skip_bad: bool,
    progress: bool,
) -> dict[str, Split]:
    samples = [sample for samples in samples_by_split.values() for sample in samples]
    num_workers = min(workers or os.cpu_count() or 1, len(samples))
    bad = _BadSamples(len(samples), skip_bad)
    splits = {}
    with (
        contextlib.closing(map_in_order(samples, encode, num_workers)) as results,
        tqdm(total=len(samples), unit="image", disable=not progress) as bar,
    ):
        for name, chosen in samples_by_split.items():
            skipped = dict(missing[name])
            writer = _SplitWriter(folder, name, results, bad, bar.update, skipped)
            splits[name] = writer.write(chunks(chosen, num_shards), info)
    bad.raise_all()
    for name, split in splits.items():
        _check_not_empty(name, split.examples, split.skipped)
    return splits


@dataclass
class _BadSamples:
    """Collects samples that cannot be used, so that one error can name them all."""

    total: int
    skip: bool
    errors: list[DataError] = field(default_factory=list)

    def add(self, error: DataError) -> None:
        self.errors.append(error)
        if len(self.errors) >= _MAX_BAD_SAMPLES:
            self.raise_all()

    def raise_all(self) -> None:
        if self.skip or not self.errors:
            return
        stopped = " (stopped there)" if len(self.errors) >= _MAX_BAD_SAMPLES else ""
        deep = [error for error in self.errors if isinstance(error, IntensityRangeNeeded)]
        # Sorted, because training samples come in another order.
        reasons = sorted(str(error) for error in self.errors if error not in deep)
        lines = "\n  ".join([*([proposal(deep)] if deep else []), *reasons])
        raise DataError(
            f"{len(self.errors)} of {self.total} samples cannot be used{stopped}; nothing was "
            f"written; {_SKIP_BAD_HINT}:\n  {lines}"
        )


@dataclass
class _SplitWriter:
    """Writes one split from results that come in the order of its samples."""

    folder: Path
    name: str
    results: Iterator[EncodedSample | DataError]
    bad: _BadSamples
    advance: Callable[[], Any]
    skipped: dict[str, str]
    label_pixels: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    all_void: list[str] = field(default_factory=list)

    def write(self, shards: list[Sequence[Sample]], info: DatasetInfo) -> Split:
        written = [self._write_shard(i, samples, info) for i, samples in enumerate(shards)]
        named = self._with_final_names([shard for shard in written if shard.examples])
        return Split.counted(
            sum(shard.examples for shard in named),
            self.label_pixels,
            info,
            shards=named,
            all_void=tuple(self.all_void),
            skipped=self.skipped,
        )

    def _write_shard(self, number: int, samples: Sequence[Sample], info: DatasetInfo) -> Shard:
        path = self.folder / f"{self.name}-{number}.unfinished"
        examples = 0
        with tf.io.TFRecordWriter(str(path)) as writer:
            for sample in samples:
                result = next(self.results)
                self.advance()
                if isinstance(result, DataError):
                    self.skipped[sample.image_id] = str(result)
                    self.bad.add(result)
                    continue
                writer.write(serialize(result))
                self._count(result, info.ignore_label)
                examples += 1
        return Shard(path.name, examples, path.stat().st_size, file_sha256(path))

    def _count(self, sample: EncodedSample, ignore_label: int | None) -> None:
        self.label_pixels += sample.label_pixels
        pixels = sample.height * sample.width
        if ignore_label is not None and sample.label_pixels[ignore_label] == pixels:
            self.all_void.append(sample.image_id)

    def _with_final_names(self, shards: list[Shard]) -> tuple[Shard, ...]:
        # Known only now: a shard all of whose samples were skipped does not count.
        named = []
        for number, shard in enumerate(shards):
            file = shard_name(self.name, number, len(shards))
            (self.folder / shard.file).rename(self.folder / file)
            named.append(replace(shard, file=file))
        for empty in self.folder.glob("*.unfinished"):
            empty.unlink()
        return tuple(named)


def _warn_of_void(manifest: Manifest) -> None:
    for name, split in manifest.splits.items():
        if split.all_void:
            _LOG.warning(
                "%d samples of split %s have no labeled pixel; they were kept and are listed in "
                "the manifest: %s",
                len(split.all_void),
                name,
                ", ".join(split.all_void[:5]),
            )


@contextlib.contextmanager
def _plain_write_errors(output_dir: Path) -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        full = isinstance(error, tf.errors.ResourceExhaustedError)
        code = errno.ENOSPC if full else errno.EIO
        raise disk_error(code, output_dir, "nothing was kept", error.message) from error
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise disk_error(error.errno, output_dir, "nothing was kept", error) from error
