"""Opens and reads records: a folder, a file, a pattern, or a mixture of folders."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_image_segmentation.datasets.class_map import make_label_table
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.files import find_files
from tf_image_segmentation.tfrecords.manifest import (
    MANIFEST_FILE,
    Manifest,
    MixturePart,
    file_sha256,
)
from tf_image_segmentation.tfrecords.records import Records, make_records
from tf_image_segmentation.tfrecords.schema import Example


def open_records(path: str | os.PathLike[str], split: str | None = None) -> Records:
    """Opens a folder that a conversion made, a mixture, one record file, or a glob pattern.

    The masks of a mixture come out in its own classes; see `mixture.write_mixture`.

    Files that a manifest lists are compared with it by size; others (classic record files) are
    walked through to count their records.

    Args:
        path: folder, file or pattern.
        split: for a folder, one of its splits; None takes all. Not used for files and patterns.

    Raises:
        DataError: something is missing, truncated, empty, compressed, of another format, or lacks
            features; the message names it and the way out.
    """
    files, manifest = find_files(Path(path), split)
    if manifest is not None and manifest.parts:
        return open_mixture(manifest, split)
    return make_records(path, files, manifest)


def read_examples(
    path: str | os.PathLike[str], split: str | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """Opens records (see `open_records`, which checks them at once) and yields their examples.

    Yields:
        image (uint8 [h, w, 3]), mask (uint8 [h, w]) and image id, as `Records.examples` does.
    """
    return open_records(path, split).examples()


@dataclass(frozen=True)
class MixedRecords(Records):
    """The records of a mixture's parts, one part after the other, with masks in its classes.

    Attributes:
        parts: the records of each part, with the label table that makes its masks the mixture's.
        weights: the sampling weight of each part.
    """

    parts: tuple[Records, ...] = field(kw_only=True)
    weights: tuple[float, ...] = field(kw_only=True)

    def dataset(self, shard: int | None = None) -> tf.data.Dataset:
        """Returns the serialized examples of one shard, or of all shards one after the other.

        Elements are ``(serialized, record_name, part)``, scalar strings and the number of the part
        as int64, as `parse` takes them. See `Records.dataset`.
        """
        shards = range(len(self.files)) if shard is None else [shard]
        places = [self._place(number) for number in shards]
        datasets = [numbered(self.parts[part].dataset(own), part) for part, own in places]
        return functools.reduce(tf.data.Dataset.concatenate, datasets)

    def parse(
        self,
        serialized: tf.Tensor,
        record_name: tf.Tensor | str = "",
        part: tf.Tensor | int = 0,
    ) -> Example:
        """Decodes an element of `dataset`; the mask has the labels of the mixture."""
        branches = [functools.partial(p.parse, serialized, record_name) for p in self.parts]
        return Example(*tf.switch_case(tf.cast(part, tf.int32), branches))

    def _shard(
        self, shard: int, worker: int = 0, workers: int = 1
    ) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
        part, own = self._place(shard)
        before = sum(p.num_examples for p in self.parts[:part])
        return self.parts[part]._shard(own, (worker - before) % workers, workers)

    def _place(self, shard: int) -> tuple[int, int]:
        """Returns the part that a file belongs to, and the file's number there."""
        for number, part in enumerate(self.parts):
            if shard < len(part.files):
                return number, shard
            shard -= len(part.files)
        raise IndexError(shard)


def numbered(examples: tf.data.Dataset, part: int) -> tf.data.Dataset:
    """Adds the number of a part to its examples, as `MixedRecords.parse` takes them."""
    return examples.map(lambda serialized, name: (serialized, name, tf.constant(part, tf.int64)))


def open_mixture(manifest: Manifest, split: str | None) -> MixedRecords:
    """Opens the folders that a mixture refers to.

    Args:
        manifest: of the mixture.
        split: what to read of each part that has it; None takes all splits of all parts.

    Raises:
        DataError: a part is missing, has changed since, or is damaged.
    """
    _check_parts(manifest.parts)
    opened = [
        (part, _open_part(part, manifest.info, split))
        for part in manifest.parts
        if split is None or split in Manifest.read(Path(part.folder)).splits
    ]
    records = tuple(part_records for _, part_records in opened)
    return MixedRecords(
        files=tuple(file for part in records for file in part.files),
        shard_examples=tuple(count for part in records for count in part.shard_examples),
        schema=records[0].schema,
        manifest=manifest,
        sha256=tuple(sha256 for part in records for sha256 in part.sha256),
        parts=records,
        weights=tuple(part.weight for part, _ in opened),
    )


def _check_parts(parts: tuple[MixturePart, ...]) -> None:
    faults = []
    for part in parts:
        path = Path(part.folder) / MANIFEST_FILE
        if not path.is_file():
            faults.append(f"{path}: missing")
        elif file_sha256(path) != part.manifest_sha256:
            faults.append(f"{path}: changed since the mixture was made")
    if faults:
        lines = "\n  ".join(faults)
        raise DataError(
            "record folders of a mixture are not what they were; put them back, or make the "
            f"mixture anew:\n  {lines}"
        )


def _open_part(part: MixturePart, info: DatasetInfo, split: str | None) -> Records:
    folder = Path(part.folder)
    files, own = find_files(folder, split)
    if own is None or not {*own.info.class_names} <= {*part.class_map}:
        raise DataError(
            f"{folder}: the mixture has no place for all of its classes; make the mixture anew"
        )
    return make_records(folder, files, own, make_label_table(own.info, part.class_map, info))
