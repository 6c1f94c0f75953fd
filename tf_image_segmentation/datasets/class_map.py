"""Classes of several datasets in one space: class map files, and what they make of labels.

A class map file names the wanted classes and says for each dataset which of them its own classes
become, see ``docs/reference/class_map.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from tf_image_segmentation import structs
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import Byte, Color

# For each class of a dataset one of the mixture, or None for pixels to ignore.
Places = Mapping[str, str | None]

LabelTable = tuple[int, ...]
"""For each mask value 0..255 the value that takes its place, or `REFUSED`."""

REFUSED = -1


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
    def read(cls, path: str | Path) -> ClassMap:
        """Reads a class map file.

        Raises:
            DataError: it is missing, no JSON, or says something that is no class map; the message
                names what.
        """
        path = Path(path)
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
