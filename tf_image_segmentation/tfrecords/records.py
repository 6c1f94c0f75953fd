"""Files of records that are open: reading and checking them."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_image_segmentation.datasets.class_map import LabelTable
from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.registry import get_dataset
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.files import RecordFile, count_records, first_record
from tf_image_segmentation.tfrecords.manifest import Manifest, file_sha256
from tf_image_segmentation.tfrecords.schema import Example, detect_schema, parse_example

_READ_ERRORS = (
    tf.errors.DataLossError,
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    UnicodeDecodeError,  # of a message of TensorFlow's that quotes a damaged record
)
"""What reading and decoding a damaged record ends in."""


@dataclass(frozen=True)
class Records:
    """Record files that are whole, as far as their sizes tell; made by `reader.open_records`.

    Attributes:
        files: the record files in order.
        shard_examples: number of examples in each file.
        schema: ``"encoded"`` or ``"raw"``, see `tfrecords.schema`.
        manifest: what is known about all files, or None where no manifest lists them.
        sha256: of each file as a manifest has it, or None.
        label_table: what each mask value of the files becomes; None leaves masks as they are.
    """

    files: tuple[Path, ...]
    shard_examples: tuple[int, ...]
    schema: str
    manifest: Manifest | None
    sha256: tuple[str | None, ...]
    label_table: LabelTable | None = None

    @property
    def num_examples(self) -> int:
        """Number of examples in all files."""
        return sum(self.shard_examples)

    @property
    def info(self) -> DatasetInfo | None:
        """The dataset's description, or None for files without a manifest."""
        return None if self.manifest is None else self.manifest.info

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

        Elements are ``(serialized, record_name)``, scalar strings, as `parse` takes them. There is
        no tolerance: iteration raises ``tf.errors.DataLossError`` at the first damaged record;
        iterate inside `naming_damage` to learn which one it was.
        """
        files = self.files if shard is None else (self.files[shard],)
        names = tf.data.Dataset.from_tensor_slices([str(file) for file in files])
        return names.flat_map(read_shard)

    def parse(self, serialized: tf.Tensor, record_name: tf.Tensor | str = "") -> Example:
        """Decodes an element of `dataset`; see `tfrecords.schema.parse_example`."""
        return parse_example(
            serialized,
            self.schema,
            record_name=record_name,
            max_pixels=self._max_pixels,
            label_table=self.label_table,
        )

    @property
    def _max_pixels(self) -> int:
        return MAX_PIXELS if self.manifest is None else self.manifest.max_pixels

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
        for number in range(len(self.files)) if shard is None else [shard]:
            yield from self._shard(number, worker, workers)

    def _shard(
        self, shard: int, worker: int = 0, workers: int = 1
    ) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
        file, expected = self.files[shard], self.shard_examples[shard]
        # TensorFlow takes as much memory as a record says that it needs, and where there is too
        # little it ends the process.
        count_records(file)
        # Counted over all files, so that small ones do not all go to the first worker.
        number = first = (worker - sum(self.shard_examples[:shard])) % workers
        examples = (
            self.dataset(shard)
            .shard(workers, first)
            .map(_parser(self.schema, self._max_pixels, self.label_table), num_parallel_calls=2)
            .prefetch(2)
        )
        try:
            for image, mask, image_id in examples.as_numpy_iterator():
                yield image, mask, _image_id_text(file, number, image_id)
                number += workers
        except _READ_ERRORS as error:
            raise DataError(
                f"{file}: record {number}: {_plain_message(error)}; convert or copy the file again"
            ) from error
        if number != first + -(-max(0, expected - first) // workers) * workers:
            found = f"{number} records" if workers == 1 else "another number of records"
            raise DataError(f"{file}: {found} instead of {expected}; convert or copy it again")

    def verify(self, progress: bool = False) -> np.ndarray:
        """Checks everything, as `checked_examples` does.

        Returns:
            Pixels of each mask value over all records, int64 [256].

        Raises:
            DataError: names the first fault of every faulty file.
        """
        label_pixels, faults = np.zeros(256, np.int64), []
        with tqdm(total=self.num_examples, unit="record", disable=not progress) as bar:
            for shard in range(len(self.files)):
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
        for number, (image, mask, image_id) in enumerate(self._shard(shard)):
            unknown = self._unknown_labels(np.bincount(mask.ravel(), minlength=256))
            if unknown:
                raise DataError(
                    f"{self.files[shard]}: record {number} ({image_id}): label ids that are "
                    f"neither a class nor the ignore label, with their pixels: {unknown}; "
                    "convert again"
                )
            yield image, mask, image_id
        # Last, because the reading above can say which record is damaged.
        sha256 = self.sha256[shard]
        if sha256 is not None and (found := file_sha256(self.files[shard])) != sha256:
            raise DataError(
                f"{self.files[shard]}: SHA-256 is {found}, the manifest says {sha256}; convert or "
                "copy the file again"
            )

    def _unknown_labels(self, pixels: np.ndarray) -> dict[int, int]:
        if self.info is None:
            return {}
        known = {*range(self.info.num_classes), self.info.ignore_label}
        return {
            int(label): int(pixels[label]) for label in np.flatnonzero(pixels) if label not in known
        }

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
        except _READ_ERRORS as error:
            try:
                self.verify()
            except DataError as damage:
                raise damage from error
            raise


def make_records(
    name: object,
    files: Sequence[RecordFile],
    manifest: Manifest | None,
    label_table: LabelTable | None = None,
) -> Records:
    """Looks into files that `find_files` found, and returns them as records.

    Args:
        name: what to call the files together in messages.
        files: one or more, in order.
        manifest: the one that lists all of them, or None.
        label_table: see `Records`.

    Raises:
        DataError: a file holds something else, or not all have the same schema.
    """
    # A manifest vouches for its files; of others each may have another schema.
    to_check = files if manifest is None else files[:1]
    schemas = {detect_schema(first_record(file.path), str(file.path)) for file in to_check}
    if len(schemas) > 1:
        raise DataError(
            f"{name}: files of different schemas {sorted(schemas)}; name them separately"
        )
    return Records(
        files=tuple(file.path for file in files),
        shard_examples=tuple(file.examples for file in files),
        schema=schemas.pop(),
        manifest=manifest,
        sha256=tuple(file.sha256 for file in files),
        label_table=label_table,
    )


def read_shard(file: tf.Tensor | str) -> tf.data.Dataset:
    """Returns ``(serialized, record_name)`` of one file; the name is ``<file name>#<number>``."""
    file_name = tf.strings.regex_replace(file, ".*/", "")

    def name(number: tf.Tensor, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        digits = tf.strings.as_string(number, width=6, fill="0")
        return serialized, tf.strings.join([file_name, digits], separator="#")

    return tf.data.TFRecordDataset(file).enumerate().map(name)


@functools.cache
def _parser(
    schema: str, max_pixels: int, label_table: LabelTable | None
) -> Callable[[tf.Tensor, tf.Tensor], Example]:
    """Returns `parse_example` as a traced function: tracing it for each file would take longer."""
    string = tf.TensorSpec([], tf.string)

    @tf.function(input_signature=[string, string])
    def parse(serialized: tf.Tensor, record_name: tf.Tensor) -> Example:
        return parse_example(
            serialized,
            schema,
            record_name=record_name,
            max_pixels=max_pixels,
            label_table=label_table,
        )

    return parse.get_concrete_function()


def _image_id_text(file: Path, number: int, image_id: bytes) -> str:
    """Returns the image id of record ``number``, or raises a `DataError` if it is no text."""
    try:
        return image_id.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}: record {number}: the name {image_id!r} is not UTF-8; convert again"
        ) from error


def _plain_message(error: Exception) -> str:
    """Returns TensorFlow's message without the names of graph nodes."""
    if isinstance(error, UnicodeDecodeError):
        return "damaged, it cannot be parsed"
    message = re.sub(r"\{\{.*?\}\}", "", getattr(error, "message", str(error)))
    message = message.split("\n\t [[")[0].split("[Op:")[0]
    return " ".join(message.split())
