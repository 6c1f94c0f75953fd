"""Reads records: opens what a path names, and gives examples, checked or as tf.data."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_image_segmentation.datasets.class_map import LabelTable
from tf_image_segmentation.datasets.decode.images import MAX_PIXELS
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.registry import get_dataset
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.files import (
    READ_ERRORS,
    RecordFile,
    find_files,
    first_record,
    read_shard,
)
from tf_image_segmentation.tfrecords.manifest import Manifest, file_sha256
from tf_image_segmentation.tfrecords.mixture import find_parts
from tf_image_segmentation.tfrecords.schema import Example, detect_schema, parse_example


@dataclass(frozen=True)
class Part:
    """Record files that are decoded alike: those of a dataset, or of one part of a mixture.

    Attributes:
        shards: the record files in order.
        schema: ``"encoded"`` or ``"raw"``, see `tfrecords.schema`.
        max_pixels: largest height times width of an image.
        label_table: what each mask value of the files becomes; None leaves masks as they are.
        weight: of the part in the sampling of a mixture.
    """

    shards: tuple[RecordFile, ...]
    schema: str
    max_pixels: int = MAX_PIXELS
    label_table: LabelTable | None = None
    weight: float = 1.0

    @property
    def num_examples(self) -> int:
        """Number of examples in all files."""
        return sum(shard.examples for shard in self.shards)

    def parse(self, serialized: tf.Tensor, record_name: tf.Tensor | str = "") -> Example:
        """Decodes one record; see `tfrecords.schema.parse_example`."""
        return parse_example(
            serialized,
            self.schema,
            record_name=record_name,
            max_pixels=self.max_pixels,
            label_table=self.label_table,
        )


@functools.cache
def _traced_parse(part: Part) -> Callable[[tf.Tensor, tf.Tensor], Example]:
    """Returns `Part.parse` as a traced function: tracing it for each file would take longer."""
    string = tf.TensorSpec([], tf.string)
    return tf.function(part.parse, input_signature=[string, string]).get_concrete_function()


@dataclass(frozen=True)
class Records:
    """Record files that are whole, as far as their sizes tell; made by `open_records`.

    Attributes:
        parts: the parts of a mixture, one after the other; otherwise one with all files.
        manifest: what is known about all files, or None where no manifest lists them.
    """

    parts: tuple[Part, ...]
    manifest: Manifest | None

    @property
    def shards(self) -> tuple[RecordFile, ...]:
        """The record files in order."""
        return tuple(shard for part in self.parts for shard in part.shards)

    @property
    def files(self) -> tuple[Path, ...]:
        """Their paths."""
        return tuple(shard.path for shard in self.shards)

    @property
    def num_examples(self) -> int:
        """Number of examples in all files."""
        return sum(part.num_examples for part in self.parts)

    @property
    def schema(self) -> str:
        """``"encoded"`` or ``"raw"``, see `tfrecords.schema`."""
        return self.parts[0].schema

    @property
    def info(self) -> DatasetInfo | None:
        """The dataset's description, or None for files without a manifest."""
        return None if self.manifest is None else self.manifest.info

    @property
    def is_mixture(self) -> bool:
        """Whether these are the records of a mixture, with masks in its classes."""
        return self.manifest is not None and bool(self.manifest.parts)

    def described_as(self, name: str | None) -> DatasetInfo:
        """Returns the dataset's description: the registered one called ``name`` if given.

        Raises:
            DataError: no name is given and the files have no manifest, which would tell.
        """
        if name is not None:
            return get_dataset(name).info
        if self.info is None:
            raise DataError(
                f"{self.files[0]}: records without a manifest do not name their classes; name the "
                "dataset with --dataset, for example --dataset pascal_voc"
            )
        return self.info

    def dataset(self, shard: int | None = None) -> tf.data.Dataset:
        """Returns the serialized examples of one shard, or of all shards one after the other.

        Elements are ``(serialized, record_name)``, scalar strings, and for a mixture the number of
        the part as int64, as `parse` takes them. There is no tolerance: iteration raises
        ``tf.errors.DataLossError`` at the first damaged record; iterate inside `naming_damage` to
        learn which one it was.
        """
        numbers = [number for number, part in enumerate(self.parts) for _ in part.shards]
        chosen = slice(None) if shard is None else slice(shard, shard + 1)
        files = [str(file) for file in self.files[chosen]]

        def read(file: tf.Tensor, part: tf.Tensor) -> tf.data.Dataset:
            return numbered(read_shard(file), part) if self.is_mixture else read_shard(file)

        return tf.data.Dataset.from_tensor_slices((files, numbers[chosen])).flat_map(read)

    def parse(
        self, serialized: tf.Tensor, record_name: tf.Tensor | str = "", part: tf.Tensor | int = 0
    ) -> Example:
        """Decodes an element of `dataset`; the mask of a mixture has its labels."""
        if len(self.parts) == 1:
            return self.parts[0].parse(serialized, record_name)
        branches = [functools.partial(p.parse, serialized, record_name) for p in self.parts]
        return Example(*tf.switch_case(tf.cast(part, tf.int32), branches))

    def examples(
        self, shard: int | None = None, worker: int = 0, workers: int = 1
    ) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
        """Yields image (uint8 [h, w, 3]), mask (uint8 [h, w]) and image id of each example.

        Args:
            shard: number of the one file to read; None reads all.
            worker: of several workers that share the examples, the one that asks: every example
                goes to one of them, and their numbers differ by at most one.
            workers: how many there are.

        Raises:
            DataError: a record is damaged or missing; the message has the file and the record.
        """
        # Counted over all files, so that small ones do not all go to the first worker.
        number = first = 0
        for part in self.parts:
            parse = _traced_parse(replace(part, shards=()))
            for file in part.shards:
                if shard in (None, number):
                    yield from file.read(parse, (worker - first) % workers, workers)
                number, first = number + 1, first + file.examples

    def verify(self, progress: bool = False) -> np.ndarray:
        """Checks everything, as `checked_examples` does.

        Returns:
            Pixels of each mask value over all records, int64 [256].

        Raises:
            DataError: names the first fault of every faulty file.
        """
        label_pixels, faults = np.zeros(256, np.int64), []
        with tqdm(total=self.num_examples, unit="record", disable=not progress) as bar:
            for shard in range(len(self.shards)):
                try:
                    for _, mask, _ in self.checked_examples(shard):
                        label_pixels += np.bincount(mask.ravel(), minlength=256)
                        bar.update()
                except DataError as error:
                    faults.append(str(error))
        if faults:
            raise DataError("\n".join(faults))
        return label_pixels

    def checked_examples(self, shard: int) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
        """Yields the examples of a file as `examples` does, and checks that ids are classes.

        Raises:
            DataError: names the first fault, and, once all is read, a wrong SHA-256 of the file.
        """
        file, info = self.shards[shard], self.info
        known = {*range(256)} if info is None else {*range(info.num_classes), info.ignore_label}
        for number, (image, mask, image_id) in enumerate(self.examples(shard)):
            pixels = np.bincount(mask.ravel(), minlength=256)
            found = {label: count for label, count in enumerate(pixels.tolist()) if count}
            if unknown := {label: found[label] for label in found if label not in known}:
                raise DataError(
                    f"{file.path}: record {number} ({image_id}): label ids that are neither a "
                    f"class nor the ignore label, with their pixels: {unknown}; convert again"
                )
            yield image, mask, image_id
        # Last, because the reading above can say which record is damaged.
        if file.sha256 is not None and (sha256 := file_sha256(file.path)) != file.sha256:
            raise DataError(
                f"{file.path}: SHA-256 is {sha256}, the manifest says {file.sha256}; convert or "
                "copy the file again"
            )

    @contextlib.contextmanager
    def naming_damage(self) -> Iterator[None]:
        """Turns a reading error of tf.data inside the block into one that names the record.

        TensorFlow's own error names neither file nor record when many shards are read at once, so
        that all of them are read again one by one.

        Raises:
            DataError: a record is damaged. Errors with another cause pass through unchanged.
        """
        try:
            yield
        except READ_ERRORS as error:
            try:
                self.verify()
            except DataError as damage:
                raise damage from error
            raise


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
    return Records((_open_part(path, files, manifest),), manifest)


def open_mixture(manifest: Manifest, split: str | None) -> Records:
    """Opens the folders that a mixture refers to.

    Args:
        manifest: of the mixture.
        split: what to read of each part that has it; None takes all splits of all parts.

    Raises:
        DataError: a part is missing, has changed since, or is damaged.
    """
    parts = [
        _open_part(part.folder, files, own, label_table, part.weight)
        for part, own, files, label_table in find_parts(manifest, split)
    ]
    return Records(tuple(parts), manifest)


def _open_part(
    name: object,
    files: Sequence[RecordFile],
    manifest: Manifest | None,
    label_table: LabelTable | None = None,
    weight: float = 1.0,
) -> Part:
    """Looks into files to find out their schema; messages call them together ``name``."""
    # A manifest vouches for its files; of others each may have another schema.
    to_check = files if manifest is None else files[:1]
    schemas = {detect_schema(first_record(file.path), str(file.path)) for file in to_check}
    if len(schemas) > 1:
        raise DataError(
            f"{name}: files of different schemas {sorted(schemas)}; name them separately"
        )
    max_pixels = MAX_PIXELS if manifest is None else manifest.max_pixels
    return Part(tuple(files), schemas.pop(), max_pixels, label_table, weight)


def read_examples(
    path: str | os.PathLike[str], split: str | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """Opens records (see `open_records`, which checks them at once) and yields their examples.

    Yields:
        image (uint8 [h, w, 3]), mask (uint8 [h, w]) and image id, as `Records.examples` does.
    """
    return open_records(path, split).examples()


def numbered(examples: tf.data.Dataset, part: tf.Tensor | int) -> tf.data.Dataset:
    """Adds the number of a part to its examples, as `Records.parse` takes them."""
    return examples.map(lambda serialized, name: (serialized, name, tf.cast(part, tf.int64)))
