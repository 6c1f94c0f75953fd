"""The manifest: what a folder of records holds, and how to tell that all of it is there.

It has no timestamps, so that the same input gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tf_image_segmentation.atomic import write_text
from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError

MANIFEST_FILE = "manifest.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Shard:
    """One record file: its name, number of examples, size in bytes and SHA-256 (hexadecimal)."""

    file: str
    examples: int
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if Path(self.file).name != self.file:
            raise ValueError(f"shard name {self.file!r} is not a plain file name")


@dataclass(frozen=True)
class Split:
    """One split of a dataset as it was written.

    Attributes:
        examples: number of records in all shards.
        class_pixels: pixels of each class id, id 0 first.
        ignored_pixels: pixels that carry the ignore label.
        shards: the record files in order; none in a mixture, whose parts have them.
        all_void: ids of the samples in which every pixel carries the ignore label.
        skipped: why a sample was left out, by its id.
    """

    examples: int
    class_pixels: tuple[int, ...]
    ignored_pixels: int
    shards: tuple[Shard, ...]
    all_void: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Split:
        """Rebuilds a split from its JSON fields."""
        return cls(
            examples=int(fields["examples"]),
            class_pixels=tuple(int(pixels) for pixels in fields["class_pixels"]),
            ignored_pixels=int(fields["ignored_pixels"]),
            shards=tuple(Shard(**shard) for shard in fields["shards"]),
            all_void=tuple(fields["all_void"]),
            skipped=dict(fields["skipped"]),
        )


@dataclass(frozen=True)
class MixturePart:
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
    weight: float
    class_map: Mapping[str, str | None]

    def __post_init__(self) -> None:
        if not 0 < self.weight < math.inf:
            raise ValueError(f"weight {self.weight} is not above 0 and finite")


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
    def max_pixels(self) -> int:
        """The limit on height times width that the conversion was told to keep."""
        return int(self.source.get("max_pixels", MAX_PIXELS))

    def to_json(self) -> str:
        """Returns the manifest as text; equal manifests give equal text."""
        fields: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "dataset": self.info.to_json(),
            "source": dict(self.source),
            "splits": {name: asdict(split) for name, split in self.splits.items()},
        }
        if self.parts:
            fields["parts"] = [asdict(part) for part in self.parts]
        return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"

    def write(self, folder: Path) -> None:
        """Writes ``manifest.json`` into ``folder``; a kill leaves the old file or the new one."""
        parts = tuple(
            replace(part, folder=os.path.relpath(part.folder, folder.resolve()))
            for part in self.parts
        )
        write_text(folder / MANIFEST_FILE, replace(self, parts=parts).to_json())

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Reads ``manifest.json`` from ``folder``.

        Raises:
            DataError: there is none, it was written by a newer version, or it is damaged.
        """
        path = folder / MANIFEST_FILE
        if not path.is_file():
            raise DataError(
                f"{folder}: no {MANIFEST_FILE}, so this is not a finished conversion; convert the "
                "dataset again, or name record files from elsewhere by a quoted pattern such as "
                f"'{folder}/*.tfrecord*'"
            )
        try:
            return _from_fields(path, json.loads(path.read_text(encoding="utf-8")))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{path}: damaged manifest ({error!r}); convert the dataset again"
            ) from error


def _from_fields(path: Path, fields: Mapping[str, Any]) -> Manifest:
    version = int(fields["schema_version"])
    if version != SCHEMA_VERSION:
        raise DataError(
            f"{path}: schema version {version}, this program reads version {SCHEMA_VERSION}; "
            "convert the dataset again or use the version of the program that wrote it"
        )
    manifest = Manifest(
        info=DatasetInfo.from_json(fields["dataset"]),
        splits={name: Split.from_json(split) for name, split in fields["splits"].items()},
        source=dict(fields["source"]),
        parts=tuple(_part(part, path.parent) for part in fields.get("parts", ())),
    )
    if not manifest.parts:
        _check_shards(manifest)
    for part in manifest.parts:
        unknown = {*part.class_map.values()} - {None, *manifest.info.class_names}
        if unknown:
            raise ValueError(f"the mixture has no classes {sorted(map(str, unknown))}")
    return manifest


def _check_shards(manifest: Manifest) -> None:
    """Raises `ValueError` if a shard is empty, listed twice, or missing from its split."""
    shards = [shard for split in manifest.splits.values() for shard in split.shards]
    if len({shard.file for shard in shards}) < len(shards):
        raise ValueError("a shard is listed twice")
    for number in (number for shard in shards for number in (shard.examples, shard.bytes)):
        if type(number) is not int or number < 1:
            raise ValueError(f"a shard has {number!r} for a number above 0")
    for name, split in manifest.splits.items():
        total = sum(shard.examples for shard in split.shards)
        if total != split.examples:
            raise ValueError(f"the shards of split {name!r} have {total} of its {split.examples}")


def _part(fields: Mapping[str, Any], folder: Path) -> MixturePart:
    part = MixturePart(**fields)
    # Links in the way to the mixture must not change what ".." means.
    return replace(part, folder=os.path.normpath(folder.resolve() / part.folder))


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
