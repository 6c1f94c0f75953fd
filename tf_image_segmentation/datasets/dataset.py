"""What a data set is: its description, its samples, and the registry of known data sets.

Nothing here imports TensorFlow, so that worker processes of a conversion start at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tf_image_segmentation.errors import DataError


@dataclass(frozen=True)
class DatasetInfo:
    """Describes a data set: everything about it that does not depend on where it lies.

    Attributes:
        name: registry name, for example ``"pascal_voc"``.
        class_names: one name for each class id, id 0 first.
        palette: one ``(red, green, blue)`` in 0..255 for each class id.
        ignore_label: the mask value that marks pixels without a label, or None if there is none.
        splits: published number of samples of each split.
        mask_encoding: how the mask files store classes, a name in ``masks.MASK_ENCODINGS``.
    """

    name: str
    class_names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    ignore_label: int | None = 255
    splits: Mapping[str, int] = field(default_factory=dict)
    mask_encoding: str = "index"

    def __post_init__(self) -> None:
        if len(self.class_names) != len(self.palette):
            raise ValueError(
                f"data set {self.name!r} has {len(self.class_names)} class names but "
                f"{len(self.palette)} palette colours; give one colour for each class"
            )

    @property
    def num_classes(self) -> int:
        """Number of classes, the ignore label not counted."""
        return len(self.class_names)

    def check_model(self, num_classes: int, class_names: tuple[str, ...] | None) -> None:
        """Raises a DataError unless a model's classes, as far as known, are the data set's.

        Args:
            num_classes: of the model.
            class_names: of the model, None where its checkpoint does not tell.
        """
        if num_classes == self.num_classes and class_names in (None, self.class_names):
            return
        known = f": {', '.join(class_names)}" if class_names else ""
        raise DataError(
            f"the checkpoint has {num_classes} classes{known}; data set {self.name!r} has "
            f"{self.num_classes}: {', '.join(self.class_names)}; use the data set that it was "
            "trained on"
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the description as plain JSON types."""
        return {
            "name": self.name,
            "class_names": list(self.class_names),
            "palette": [list(colour) for colour in self.palette],
            "ignore_label": self.ignore_label,
            "splits": dict(self.splits),
            "mask_encoding": self.mask_encoding,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> DatasetInfo:
        """Rebuilds a description from what `to_json` returned."""
        return cls(
            name=fields["name"],
            class_names=tuple(fields["class_names"]),
            palette=tuple((int(r), int(g), int(b)) for r, g, b in fields["palette"]),
            ignore_label=fields["ignore_label"],
            splits=dict(fields["splits"]),
            mask_encoding=fields["mask_encoding"],
        )


@dataclass(frozen=True)
class Sample:
    """One image with its mask, both still on disk.

    Attributes:
        image_id: unique within the data set; becomes ``image/filename`` in the records.
        image: path of the image file, JPEG or PNG.
        mask: path of the mask file.
        read_mask: reads a mask file that is not a PNG into an integer array [height, width];
            a module-level function, because samples travel to worker processes. None reads a PNG.
    """

    image_id: str
    image: Path
    mask: Path
    read_mask: Callable[[Path], np.ndarray] | None = None


SamplesFunction = Callable[[Path, str], Iterator[Sample]]


@dataclass(frozen=True)
class Dataset:
    """A registered data set: ``samples(root, split)`` yields the samples in a fixed order."""

    info: DatasetInfo
    samples: SamplesFunction


_REGISTRY: dict[str, Dataset] = {}


def register(info: DatasetInfo) -> Callable[[SamplesFunction], SamplesFunction]:
    """Registers the decorated ``samples(root, split)`` function under ``info.name``."""

    def add(samples: SamplesFunction) -> SamplesFunction:
        if info.name in _REGISTRY:
            raise ValueError(f"a data set named {info.name!r} is already registered")
        _REGISTRY[info.name] = Dataset(info, samples)
        return samples

    return add


def choose(kind: str, name: Any, choices: Mapping[Any, Any]) -> Any:
    """Returns ``choices[name]``, or raises a `DataError` that lists the choices.

    Args:
        kind: what is chosen, for the message: "data set", "split", "mode" ...
        name: the wanted key.
        choices: what there is.
    """
    if name not in choices:
        raise DataError(f"unknown {kind} {name!r}; choose from {sorted(choices)}")
    return choices[name]


def get_dataset(name: str) -> Dataset:
    """Returns the registered data set called ``name``, or raises a `DataError` with the names."""
    return choose("data set", name, _REGISTRY)


def dataset_names() -> list[str]:
    """Returns the names of all registered data sets, sorted."""
    return sorted(_REGISTRY)
