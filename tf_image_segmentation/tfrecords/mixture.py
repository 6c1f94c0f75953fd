"""Mixtures: record folders that train together, with classes of their own.

A mixture is a manifest that refers to the folders; no record is copied or changed. For each folder
it has the place of every class and a sampling weight.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from tf_image_segmentation import structs
from tf_image_segmentation.datasets.info import Byte, Color, DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.manifest import (
    MANIFEST_FILE,
    Manifest,
    MixturePart,
    Split,
    file_sha256,
)
from tf_image_segmentation.tfrecords.schema import REFUSED, LabelTable

_TRAIN = "train"

# For each class of a dataset one of the mixture, or None for pixels to ignore.
Places = Mapping[str, str | None]


def make_mixture(
    folders: Sequence[str | Path],
    class_map_file: str | Path | None = None,
    weights: Sequence[float] | None = None,
) -> Manifest:
    """Returns the manifest of a mixture; nothing is written.

    Args:
        folders: record folders, each with a manifest of its own and a "train" split.
        class_map_file: puts their classes into one space, see ``docs/mixed_training.md``; without
            one, all of them must have classes of the same names.
        weights: for each folder, how often training takes an example from it, in proportion; None
            takes the numbers of its training examples, so that each example is as likely.

    Raises:
        DataError: a folder cannot be mixed, a weight or the class map is wrong, or a class has no
            place.
    """
    paths = [Path(folder).resolve() for folder in folders]
    manifests = _read_manifests(paths)
    weights = _checked_weights(weights, manifests)
    infos = [manifest.info for manifest in manifests]
    if class_map_file is None:
        info, places = _common_classes(infos, paths)
    else:
        class_map = ClassMap.read(Path(class_map_file))
        info, places = class_map.info, class_map.places(infos)
    parts = [
        MixturePart(str(path), m.info.name, file_sha256(path / MANIFEST_FILE), weight, dict(place))
        for path, m, weight, place in zip(paths, manifests, weights, places, strict=True)
    ]
    splits = _add_up(info, manifests, places)
    return Manifest(info, splits, parts=tuple(parts))


def write_mixture(
    folders: Sequence[str | Path],
    class_map_file: str | Path | None,
    weights: Sequence[float] | None,
    output_dir: str | Path,
) -> Manifest:
    """Writes a mixture, which `open_records` opens; see `make_mixture` for arguments and errors.

    A mixture that is in ``output_dir`` already is replaced.

    Raises:
        DataError: ``output_dir`` holds records.
    """
    manifest = make_mixture(folders, class_map_file, weights)
    save_mixture(manifest, Path(output_dir))
    return manifest


def save_mixture(manifest: Manifest, folder: Path) -> None:
    """Writes the manifest of a mixture into a folder, which is made where missing.

    Raises:
        DataError: the folder holds records, whose manifest would be lost.
    """
    if (folder / MANIFEST_FILE).exists() and not Manifest.read(folder).parts:
        raise DataError(
            f"{folder}: holds records; a mixture needs another folder, and a run on one another "
            "--run-dir"
        )
    folder.mkdir(parents=True, exist_ok=True)
    manifest.write(folder)


def _read_manifests(paths: Sequence[Path]) -> list[Manifest]:
    twice = [str(path) for path, count in Counter(paths).items() if count > 1]
    if twice:
        raise DataError(f"{', '.join(twice)}: named twice; raise its sampling weight instead")
    without = [str(path) for path in paths if not (path / MANIFEST_FILE).is_file()]
    if without:
        raise DataError(
            f"{', '.join(without)}: no folder with a {MANIFEST_FILE}, which says what the classes "
            "are, so that it cannot train together with others; convert the dataset again"
        )
    manifests = [Manifest.read(path) for path in paths]
    for path, manifest in zip(paths, manifests, strict=True):
        if manifest.parts:
            folders = ", ".join(part.folder for part in manifest.parts)
            raise DataError(f"{path}: is a mixture itself; name its folders instead: {folders}")
        if _TRAIN not in manifest.splits:
            raise DataError(
                f"{path}: no {_TRAIN!r} split, only {', '.join(manifest.splits)}; leave it out, or "
                "convert the dataset again"
            )
    return manifests


def _checked_weights(weights: Sequence[float] | None, manifests: list[Manifest]) -> list[float]:
    if weights is None:
        return [float(manifest.splits[_TRAIN].examples) for manifest in manifests]
    if len(weights) != len(manifests):
        raise DataError(
            f"{len(weights)} sampling weights for {len(manifests)} record folders; give one for "
            "each (--sampling-weights)"
        )
    if not all(0 < weight < math.inf for weight in weights):
        raise DataError(f"sampling weights must be above 0 and finite, got {list(weights)}")
    return [float(weight) for weight in weights]


def _common_classes(
    infos: list[DatasetInfo], paths: list[Path]
) -> tuple[DatasetInfo, list[Places]]:
    """Returns the classes of the first part, which the others must have, too."""
    first = infos[0]
    for info, path in zip(infos, paths, strict=True):
        if {*info.class_names} != {*first.class_names}:
            raise DataError(
                f"{path}: its classes {', '.join(info.class_names)} are not those of {paths[0]}: "
                f"{', '.join(first.class_names)}; say with a class map file what becomes of them "
                "(--class-map)"
            )
    ignored = [info.ignore_label for info in infos if info.ignore_label is not None]
    mixed = DatasetInfo(
        name="+".join(dict.fromkeys(info.name for info in infos)),
        class_names=first.class_names,
        palette=first.palette,
        ignore_label=ignored[0] if ignored else None,
    )
    return mixed, [{name: name for name in info.class_names} for info in infos]


def _add_up(
    info: DatasetInfo, manifests: list[Manifest], places: Sequence[Places]
) -> dict[str, Split]:
    """Returns the splits that at least one part has, with the counts of all that have it."""
    splits = {}
    for name in dict.fromkeys(name for manifest in manifests for name in manifest.splits):
        examples, pixels = 0, np.zeros(256, np.int64)
        for manifest, place in zip(manifests, places, strict=True):
            if name in manifest.splits:
                examples += manifest.splits[name].examples
                pixels += _mapped_pixels(manifest, name, place, info)
        ignored = 0 if info.ignore_label is None else int(pixels[info.ignore_label])
        classes = tuple(int(count) for count in pixels[: info.num_classes])
        splits[name] = Split(examples, classes, ignored, shards=())
    return splits


def _mapped_pixels(manifest: Manifest, split: str, places: Places, info: DatasetInfo) -> np.ndarray:
    """Returns the pixels of each of the mixture's labels in one split of a part, int64 [256]."""
    counts = np.zeros(256, np.int64)
    class_pixels = manifest.splits[split].class_pixels
    counts[: len(class_pixels)] = class_pixels
    if manifest.info.ignore_label is not None:
        counts[manifest.info.ignore_label] = manifest.splits[split].ignored_pixels
    return map_pixels(counts, make_label_table(manifest.info, places, info))


def make_label_table(
    part: DatasetInfo, class_map: Mapping[str, str | None], info: DatasetInfo
) -> LabelTable:
    """Returns the table from the mask values of ``part`` to those of ``info``.

    Args:
        part: the dataset whose masks are read.
        class_map: for each class of ``part`` a class of ``info``, or None for pixels to ignore.
        info: the dataset whose classes are wanted; it needs an ignore label only where pixels
            become it.

    Returns:
        256 values. What is neither a class of ``part`` nor its ignore label is `REFUSED`, so that
        a wrong label stays an error whatever the other dataset's labels are.
    """
    number_of = {name: number for number, name in enumerate(info.class_names)}
    ignored = REFUSED if info.ignore_label is None else info.ignore_label
    table = [REFUSED] * 256
    if part.ignore_label is not None:
        table[part.ignore_label] = ignored
    for label, name in enumerate(part.class_names):
        target = class_map[name]
        table[label] = ignored if target is None else number_of[target]
    return tuple(table)


def map_pixels(counts: np.ndarray, table: LabelTable) -> np.ndarray:
    """Returns the pixels of each new label, int64 [256].

    Args:
        counts: pixels of each mask value, int64 [256]; none of a value that the table refuses.
        table: from the old labels to the new ones.
    """
    mapped = np.zeros(256, np.int64)
    present = np.flatnonzero(counts)
    np.add.at(mapped, np.array(table)[present], counts[present])
    return mapped


class _ClassMapFile(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    # 8-bit masks hold 256 values; one is left for pixels to ignore.
    classes: Annotated[
        dict[Annotated[str, msgspec.Meta(min_length=1)], Any],
        msgspec.Meta(min_length=1, max_length=255),
    ]
    ignore_label: Byte = 255
    data_sets: dict[str, dict[str, str | None]] = {}


_COLOR: Any = Color


@dataclass(frozen=True)
class ClassMap:
    """What a class map file says; made by `read`.

    Attributes:
        path: of the file.
        info: the mixture's classes, palette and ignore label.
        data_sets: the places of classes, by the name of their dataset.
    """

    path: Path
    info: DatasetInfo
    data_sets: Mapping[str, Places]

    @classmethod
    def read(cls, path: Path) -> ClassMap:
        """Reads a class map file.

        Raises:
            DataError: it is missing, no JSON, or says something that is no class map; the message
                names what.
        """
        file = structs.convert(_load(path), _ClassMapFile, path)
        num_classes = len(file.classes)
        if file.ignore_label < num_classes:
            raise DataError(
                f'{path}: "ignore_label" must be from {num_classes}, the number of classes, to '
                f"255, got {file.ignore_label}"
            )
        colors: list[tuple[int, int, int]] = [
            structs.convert(color, _COLOR, f"{path}: color of {name!r} in classes")
            for name, color in file.classes.items()
        ]
        info = DatasetInfo(file.name, tuple(file.classes), tuple(colors), file.ignore_label)
        _check_targets(path, file.data_sets, info)
        return cls(path, info, file.data_sets)

    def places(self, parts: Sequence[DatasetInfo]) -> list[Places]:
        """Returns the place of each class of each part.

        A class that the file does not mention becomes the mixture's class of the same name.

        Raises:
            DataError: the file names a dataset or a class that no part has, or a class of a part
                has no place; the message lists all of them.
        """
        self._check_names(parts)
        wanted = {*self.info.class_names}
        places: list[Places] = []
        missing: dict[str, None] = {}  # in order, each once
        for part in parts:
            given = self.data_sets.get(part.name, {})
            places.append({name: given.get(name, name) for name in part.class_names})
            lost = [n for n in part.class_names if n not in given and n not in wanted]
            missing |= dict.fromkeys(f"{part.name}: {name}" for name in lost)
        if missing:
            raise DataError(
                f"{self.path}: {_some(missing)} have no place; give each a class of the mixture "
                '({"data_sets": {DATA_SET: {CLASS: CLASS OF THE MIXTURE}}}), or null to ignore '
                "its pixels"
            )
        return places

    def _check_names(self, parts: Sequence[DatasetInfo]) -> None:
        names = {part.name for part in parts}
        strange = [name for name in self.data_sets if name not in names]
        if strange:
            raise DataError(
                f"{self.path}: {_some(strange)}: no record folder is of this dataset; the folders "
                f"are of {', '.join(sorted(names))}; mend the name or leave it out"
            )
        for name, given in self.data_sets.items():
            known = {c for part in parts if part.name == name for c in part.class_names}
            strange = [c for c in given if c not in known]
            if strange:
                raise DataError(
                    f"{self.path}: {name} has no classes {_some(strange)}; its classes are "
                    f"{', '.join(sorted(known))}"
                )


def _load(path: Path) -> Any:
    if not path.is_file():
        raise DataError(f"{path}: no such file; name a class map file")
    try:
        # msgspec would take the last of two equal keys without a word.
        return json.loads(path.read_bytes(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not usable as JSON ({error}); mend the class map") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"{name!r} occurs twice in one object")
        fields[name] = value
    return fields


def _check_targets(path: Path, data_sets: Mapping[str, Places], info: DatasetInfo) -> None:
    allowed = (None, *info.class_names)
    bad = [
        f"{name}: {source} -> {json.dumps(target)}"
        for name, places in data_sets.items()
        for source, target in places.items()
        if target not in allowed
    ]
    if bad:
        raise DataError(
            f"{path}: unknown classes of the mixture in {_some(bad)}; choose from "
            f"{', '.join(info.class_names)}, or null to ignore the pixels"
        )


def _some(names: Iterable[str]) -> str:
    return "; ".join(names)
