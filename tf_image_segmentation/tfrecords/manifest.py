"""Folders of records: the manifest, which says what one holds, and how a new one appears.

The manifest has no timestamps, so that the same input gives the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
import numpy as np
from msgspec.structs import replace

from tf_image_segmentation import structs
from tf_image_segmentation.atomic import place, restore, sync, temporary_sibling, write_text
from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.locks import locked
from tf_image_segmentation.structs import Range

MANIFEST_FILE = "manifest.json"
"""Name of the manifest in a folder of records."""
SCHEMA_VERSION = 1

_MOST_PIXELS = 2**31 // 3 - 1  # of three bytes each; TensorFlow decodes no larger image

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Shard(msgspec.Struct, frozen=True):
    """One record file: its name, number of examples, size in bytes and SHA-256 (hexadecimal)."""

    file: str
    examples: Positive
    bytes: Positive
    sha256: Sha256

    def __post_init__(self) -> None:
        if Path(self.file).name != self.file:
            raise ValueError(f"shard name {self.file!r} is not a plain file name")


class Split(msgspec.Struct, frozen=True):
    """One split of a dataset as it was written.

    Attributes:
        examples: number of records in all shards.
        class_pixels: pixels of each class id, id 0 first.
        ignored_pixels: pixels that carry the ignore label.
        shards: the record files in order; none in a mixture, whose parts have them.
        all_void: ids of the samples in which every pixel carries the ignore label.
        skipped: why a sample was left out, by its id.
    """

    examples: Positive
    class_pixels: tuple[Count, ...]
    ignored_pixels: Count
    shards: tuple[Shard, ...]
    all_void: tuple[str, ...] = ()
    skipped: dict[str, str] = {}

    def __post_init__(self) -> None:
        total = sum(shard.examples for shard in self.shards)
        if self.shards and total != self.examples:
            raise ValueError(f"the shards have {total} of the split's {self.examples} examples")

    @classmethod
    def counted(cls, examples: int, pixels: np.ndarray, info: DatasetInfo, **others: Any) -> Split:
        """Returns a split of ``info`` from the pixels of each mask value, int64 [256]."""
        ignored = 0 if info.ignore_label is None else int(pixels[info.ignore_label])
        return cls(examples, tuple(pixels[: info.num_classes].tolist()), ignored, **others)

    def label_pixels(self, info: DatasetInfo) -> np.ndarray:
        """Returns the pixels of each mask value, int64 [256]."""
        pixels = np.zeros(256, np.int64)
        pixels[: len(self.class_pixels)] = self.class_pixels
        if info.ignore_label is not None:
            pixels[info.ignore_label] = self.ignored_pixels
        return pixels


class MixturePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A folder of records that a mixture takes examples from.

    Attributes:
        folder: its absolute path; in the file, relative to the folder of the mixture.
        data_set: name of its dataset.
        manifest_sha256: of its own manifest.
        weight: its share of the training examples is this over the sum of all weights.
        class_map: for each of its classes one of the mixture, or None for pixels to ignore.
    """

    folder: str
    data_set: str
    manifest_sha256: str
    weight: Annotated[float, msgspec.Meta(gt=0)]
    class_map: dict[str, str | None]


class _ManifestFile(msgspec.Struct):
    schema_version: Literal[1]
    dataset: dict[str, Any]
    source: dict[str, Any]
    splits: dict[str, Split]
    parts: tuple[MixturePart, ...] = ()


class _Version(msgspec.Struct):
    schema_version: int


@dataclass(frozen=True)
class Manifest:
    """Everything known about a folder of records, or about a mixture of such folders.

    Attributes:
        info: the dataset.
        splits: what was written, by split name.
        source: facts about the conversion, such as the mode of a union of datasets.
        parts: of a mixture, the folders that it takes examples from; empty otherwise.
    """

    info: DatasetInfo
    splits: Mapping[str, Split]
    source: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[MixturePart, ...] = ()

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The record files of all splits."""
        return tuple(shard for split in self.splits.values() for shard in split.shards)

    @property
    def max_pixels(self) -> int:
        """The limit on height times width that the conversion was told to keep.

        A manifest may raise it only to what TensorFlow can decode.
        """
        return min(int(self.source.get("max_pixels", MAX_PIXELS)), _MOST_PIXELS)

    @property
    def intensity_range(self) -> Range | None:
        """The values of 16-bit images that became 0 and 255, None where there was no such range.

        Raises:
            DataError: it is no pair of numbers.
        """
        found, kind = self.source.get("intensity_range"), cast(type[Range], Range)
        return None if found is None else structs.convert(found, kind, "intensity_range")

    def to_json(self) -> str:
        """Returns the manifest as text; equal manifests give equal text."""
        fields: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "dataset": self.info.to_json(),
            "source": dict(self.source),
            "splits": {name: msgspec.to_builtins(split) for name, split in self.splits.items()},
        }
        if self.parts:
            fields["parts"] = [msgspec.to_builtins(part) for part in self.parts]
        return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"

    def write(self, folder: Path) -> None:
        """Writes ``manifest.json`` into ``folder``; a kill leaves the old file or the new one."""
        parts = tuple(
            replace(part, folder=os.path.relpath(part.folder, folder.resolve()))
            for part in self.parts
        )
        manifest = Manifest(self.info, self.splits, self.source, parts)
        write_text(folder / MANIFEST_FILE, manifest.to_json())

    @classmethod
    def read(cls, folder: str | Path) -> Manifest:
        """Reads ``manifest.json`` from ``folder``.

        Raises:
            DataError: there is none, it was written by a newer version, or it is damaged.
        """
        folder = Path(folder)
        path = folder / MANIFEST_FILE
        if not path.is_file():
            raise DataError(
                f"{folder}: no {MANIFEST_FILE}, so this is not a finished conversion; convert the "
                "dataset again, or name record files from elsewhere by a quoted pattern such as "
                f"'{folder}/*.tfrecord*'"
            )
        content = path.read_bytes()
        version = structs.parse_json(content, _Version, path).schema_version
        if version != SCHEMA_VERSION:
            raise DataError(
                f"{path}: schema version {version}, this program reads version {SCHEMA_VERSION}; "
                "convert the dataset again or use the version of the program that wrote it"
            )
        file = structs.parse_json(content, _ManifestFile, path)
        try:
            manifest = cls(
                DatasetInfo.from_json(file.dataset),
                file.splits,
                file.source,
                tuple(_located(part, path.parent) for part in file.parts),
            )
            _check(manifest)
        except (KeyError, TypeError, AttributeError, ValueError, DataError) as error:
            reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            raise DataError(
                f"{path}: damaged manifest: {reason}; convert the dataset again"
            ) from error
        return manifest


def _located(part: MixturePart, folder: Path) -> MixturePart:
    # Links in the way to the mixture must not change what ".." means.
    return replace(part, folder=os.path.normpath(folder.resolve() / part.folder))


def _check(manifest: Manifest) -> None:
    """Raises `ValueError` for what is wrong between several fields."""
    info, limit = manifest.info, manifest.source.get("max_pixels", MAX_PIXELS)
    if type(limit) is not int or limit < 1:
        raise ValueError(f"source: max_pixels is {limit!r}, but must be a whole number above 0")
    if info.num_classes > 256 or info.ignore_label in range(info.num_classes):
        raise ValueError(
            f"dataset: {info.num_classes} classes and ignore label {info.ignore_label} do not fit "
            "into the 256 values of a mask"
        )
    for name, split in manifest.splits.items():
        if len(split.class_pixels) != info.num_classes:
            raise ValueError(
                f"splits: {name}: class_pixels has {len(split.class_pixels)} numbers for "
                f"{info.num_classes} classes"
            )
        if bool(split.shards) == bool(manifest.parts):
            raise ValueError(f"splits: {name}: shards belong to a dataset and not to a mixture")
    if len({shard.file for shard in manifest.shards}) < len(manifest.shards):
        raise ValueError("splits: a shard is listed twice")
    for part in manifest.parts:
        if unknown := {*part.class_map.values()} - {None, *info.class_names}:
            raise ValueError(
                f"parts: {part.data_set}: the mixture has no classes {sorted(map(str, unknown))}"
            )


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def output_folder(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Gives a temporary folder that becomes ``path`` when the block ends well.

    When the block raises (KeyboardInterrupt and SystemExit too), the temporary folder is removed
    and ``path`` stays as it was. What killed runs left is removed or undone first.

    Args:
        path: the folder to make; its parents are made where missing.
        overwrite: replace ``path`` if it holds records.

    Raises:
        DataError: ``path`` exists and may not be replaced, now or when the block ends.
    """
    path = path.resolve()
    check_output(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_sibling(path, Path.mkdir) as partial:
        yield partial
        sync(partial)  # before the lock, because it may take a while
        with locked(path.parent):
            # Another converter may have finished since this one started.
            _refuse_to_lose(path, overwrite)
            place(partial, path)


def check_output(path: Path, overwrite: bool = False) -> None:
    """Raises a `DataError` unless ``path`` is free, empty, or holds records and may be replaced."""
    path = path.resolve()
    restore(path)
    _refuse_to_lose(path, overwrite)


def _refuse_to_lose(path: Path, overwrite: bool) -> None:
    if not path.name:
        raise DataError(f"{path}: cannot be an output folder; name a folder inside it")
    if not path.exists():
        return
    if not path.is_dir():
        raise DataError(f"{path}: exists and is not a folder; name another output folder")
    names = [entry.name for entry in path.iterdir()]
    if names and not overwrite:
        raise DataError(f"{path}: exists already; name another folder, or replace it (--overwrite)")
    strange = [name for name in names if name != MANIFEST_FILE and not name.endswith(".tfrecord")]
    if strange:
        raise DataError(
            f"{path}: will not be overwritten, because it holds more than records: "
            f"{', '.join(sorted(strange)[:5])}; name another folder"
        )
