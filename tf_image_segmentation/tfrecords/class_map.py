"""The class map file: which classes a mixture has, and which of its parts' classes become them.

Its format is described in ``docs/mixed_training.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError

_MAX_CLASSES = 255  # 8-bit masks; one value is left for pixels to ignore
_KEYS = ("name", "classes", "ignore_label", "data_sets")

# For each class of a dataset one of the mixture, or None for pixels to ignore.
Places = Mapping[str, str | None]


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
        fields = _load(path)
        unknown = sorted(fields.keys() - {*_KEYS})
        _require(not unknown, path, f"unknown keys {unknown}; a class map has {list(_KEYS)}")
        name = fields.get("name", "")
        _require(isinstance(name, str) and name != "", path, '"name" must be a name')
        classes = _classes(path, fields.get("classes"))
        ignore_label = fields.get("ignore_label", 255)
        _require(
            _is_integer(ignore_label, len(classes), 255),
            path,
            f'"ignore_label" must be a whole number from {len(classes)}, the number of classes, '
            f"to 255, got {ignore_label!r}",
        )
        info = DatasetInfo(name, tuple(classes), tuple(classes.values()), ignore_label)
        return cls(path, info, _data_sets(path, fields.get("data_sets", {}), info))

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
        _require(
            not strange,
            self.path,
            f"{_some(strange)}: no record folder is of this dataset; the folders are of "
            f"{', '.join(sorted(names))}; mend the name or leave it out",
        )
        for name, given in self.data_sets.items():
            known = {c for part in parts if part.name == name for c in part.class_names}
            strange = [c for c in given if c not in known]
            _require(
                not strange,
                self.path,
                f"{name} has no classes {_some(strange)}; its classes are "
                f"{', '.join(sorted(known))}",
            )


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; name a class map file")
    try:
        fields = json.loads(path.read_bytes(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not usable as JSON ({error}); mend the class map") from error
    _require(isinstance(fields, dict), path, "must be a JSON object")
    return fields


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"{name!r} occurs twice in one object")
        fields[name] = value
    return fields


def _classes(path: Path, classes: Any) -> dict[str, tuple[int, int, int]]:
    _require(
        isinstance(classes, dict) and len(classes) > 0 and "" not in classes,
        path,
        '"classes" must be an object of names and colors, such as {"road": [128, 64, 128]}',
    )
    _require(
        len(classes) <= _MAX_CLASSES, path, f"{len(classes)} classes, at most {_MAX_CLASSES} fit"
    )
    bad = [name for name, color in classes.items() if not _is_color(color)]
    _require(
        not bad, path, f"colors of {_some(bad)} must be [red, green, blue], whole numbers 0 to 255"
    )
    return {name: tuple(color) for name, color in classes.items()}


def _data_sets(path: Path, data_sets: Any, info: DatasetInfo) -> dict[str, Places]:
    _require(
        isinstance(data_sets, dict) and all(isinstance(v, dict) for v in data_sets.values()),
        path,
        '"data_sets" must be an object of objects, such as {"camvid": {"car": "vehicle"}}',
    )
    allowed = (None, *info.class_names)
    bad = [
        f"{name}: {source} -> {json.dumps(target)}"
        for name, places in data_sets.items()
        for source, target in places.items()
        if target not in allowed
    ]
    _require(
        not bad,
        path,
        f"unknown classes of the mixture in {_some(bad)}; choose from "
        f"{', '.join(info.class_names)}, or null to ignore the pixels",
    )
    return data_sets


def _is_integer(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_color(color: Any) -> bool:
    return (
        isinstance(color, list) and len(color) == 3 and all(_is_integer(c, 0, 255) for c in color)
    )


def _require(condition: bool, path: Path, rule: str) -> None:
    if not condition:
        raise DataError(f"{path}: {rule}")


def _some(names: Iterable[str]) -> str:
    return "; ".join(names)
