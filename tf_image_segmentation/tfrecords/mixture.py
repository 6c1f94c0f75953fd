"""Mixtures: record folders that train together, with classes of their own.

A mixture is a manifest that refers to the folders; no record is copied or changed. For each folder
it has the place of every class and a sampling weight.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tf_image_segmentation.datasets.class_map import (
    ClassMap,
    LabelTable,
    Places,
    make_label_table,
    map_pixels,
)
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.files import RecordFile, find_files
from tf_image_segmentation.tfrecords.manifest import (
    MANIFEST_FILE,
    Manifest,
    MixturePart,
    Split,
    file_sha256,
)

_TRAIN = "train"


def make_mixture(
    folders: Sequence[str | Path],
    class_map_file: str | Path | None = None,
    weights: Sequence[float] | None = None,
) -> Manifest:
    """Returns the manifest of a mixture; nothing is written.

    Args:
        folders: record folders, each with a manifest of its own and a "train" split.
        class_map_file: puts their classes into one space, see
            ``docs/reference/class_map.md``; without one, all of them must have classes of the same
            names.
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
    return Manifest(info, splits, _common_range(manifests), tuple(parts))


def _common_range(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """Returns the intensity range of all parts that have one, if it is the same."""
    found = {manifest.intensity_range for manifest in manifests} - {None}
    return {"intensity_range": found.pop()} if len(found) == 1 else {}


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
                own = manifest.splits[name].label_pixels(manifest.info)
                pixels += map_pixels(own, make_label_table(manifest.info, place, info))
        splits[name] = Split.counted(examples, pixels, info, shards=())
    return splits


def find_parts(
    manifest: Manifest, split: str | None
) -> Iterator[tuple[MixturePart, Manifest, list[RecordFile], LabelTable]]:
    """Finds the record files that a mixture takes examples from.

    Args:
        manifest: of the mixture.
        split: passes over the parts that do not have it; None takes all splits of all parts.

    Yields:
        A part, its own manifest, its files, and what their mask values become in the mixture.

    Raises:
        DataError: a part is missing, has changed since, or is damaged.
    """
    _check_unchanged(manifest.parts)
    for part in manifest.parts:
        folder = Path(part.folder)
        own = Manifest.read(folder)
        if split is None or split in own.splits:
            files, _ = find_files(folder, split)
            if not {*own.info.class_names} <= {*part.class_map}:
                raise DataError(
                    f"{folder}: the mixture has no place for all of its classes; make the mixture "
                    "anew"
                )
            yield part, own, files, make_label_table(own.info, part.class_map, manifest.info)


def _check_unchanged(parts: tuple[MixturePart, ...]) -> None:
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
