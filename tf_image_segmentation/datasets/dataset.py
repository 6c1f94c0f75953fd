"""What a dataset is: its description, its samples, and the registry of known datasets.

Nothing here imports TensorFlow, so that worker processes of a conversion start at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.errors import DataError

VOID_COLORS = ((255, 255, 255), (224, 224, 192))
"""White, and entry 255 of the VOC color map: void in a color mask, unless a class has them."""


@dataclass(frozen=True)
class DatasetInfo:
    """Describes a dataset: everything about it that does not depend on where it lies.

    Attributes:
        name: registry name, for example ``"pascal_voc"``.
        class_names: one name for each class id, id 0 first.
        palette: one ``(red, green, blue)`` in 0..255 for each class id.
        ignore_label: the mask value that marks pixels without a label, or None if there is none.
        splits: published number of samples of each split.
        mask_encoding: how the mask files store classes, a name in `mask_encodings`.
        label_map: for the encoding ``"label_map"``, the class id or the ignore label of each value
            that the mask files may hold; empty for the others.
        void_colors: for the encoding ``"rgb"`` with an ignore label, the colors that mean it.
    """

    name: str
    class_names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    ignore_label: int | None = 255
    splits: Mapping[str, int] = field(default_factory=dict)
    mask_encoding: str = "index"
    label_map: Mapping[int, int] = field(default_factory=dict)
    void_colors: tuple[tuple[int, int, int], ...] = VOID_COLORS

    def __post_init__(self) -> None:
        if len(self.class_names) != len(self.palette):
            raise ValueError(
                f"dataset {self.name!r} has {len(self.class_names)} class names but "
                f"{len(self.palette)} palette colors; give one color for each class"
            )

    @property
    def num_classes(self) -> int:
        """Number of classes, the ignore label not counted."""
        return len(self.class_names)

    def check_model(self, num_classes: int, class_names: tuple[str, ...] | None) -> None:
        """Raises a DataError unless a model's classes, as far as known, are the dataset's.

        Args:
            num_classes: of the model.
            class_names: of the model, None where its checkpoint does not tell.
        """
        if num_classes == self.num_classes and class_names in (None, self.class_names):
            return
        known = f": {', '.join(class_names)}" if class_names else ""
        raise DataError(
            f"the checkpoint has {num_classes} classes{known}; dataset {self.name!r} has "
            f"{self.num_classes}: {', '.join(self.class_names)}; use the dataset that it was "
            "trained on"
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the description as plain JSON types."""
        return {
            "name": self.name,
            "class_names": list(self.class_names),
            "palette": [list(color) for color in self.palette],
            "ignore_label": self.ignore_label,
            "splits": dict(self.splits),
            "mask_encoding": self.mask_encoding,
            # Keys of JSON objects are text, so these are pairs.
            **({"label_map": sorted(self.label_map.items())} if self.label_map else {}),
            **(
                {"void_colors": [list(color) for color in self.void_colors]}
                if self.void_colors != VOID_COLORS
                else {}
            ),
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
            label_map={int(stored): int(label) for stored, label in fields.get("label_map", ())},
            void_colors=tuple(
                # Version 0.1 spelled the key in another way.
                (int(r), int(g), int(b))
                for r, g, b in fields.get("void_colors", fields.get("void_colours", VOID_COLORS))
            ),
        )


class Reader(Protocol):
    """Reads a file into an array; picklable, because samples travel to worker processes.

    A module-level function, or a `functools.partial` of one.
    """

    def __call__(self, path: Path, *, max_pixels: int) -> np.ndarray:
        """Returns the file's pixels; more than ``max_pixels`` of them are a `DataError`."""


@dataclass(frozen=True)
class Sample:
    """One image with its mask, both still on disk.

    Attributes:
        image_id: unique within the dataset; becomes ``image/filename`` in the records.
        image: path of the image file, JPEG or PNG unless ``read_image`` reads it.
        mask: path of the mask file.
        read_image: reads an image of another format into a uint8 or uint16 array, [height, width]
            or [height, width, 3] RGB; None reads a JPEG or PNG.
        read_mask: reads a mask file that is not a PNG into an integer array [height, width], or
            [height, width, 3] RGB; None reads a PNG.
        extra_files: further files that the readers open.
    """

    image_id: str
    image: Path
    mask: Path
    read_image: Reader | None = None
    read_mask: Reader | None = None
    extra_files: tuple[Path, ...] = ()


SamplesFunction = Callable[[Path, str], Iterator[Sample]]
DescribeFunction = Callable[[Path], DatasetInfo]


@dataclass(frozen=True)
class Dataset:
    """A registered dataset.

    Attributes:
        name: its registry name.
        source: where it comes from.
        describe: ``describe(root)`` returns the description, which for a set of one's own depends
            on the files below its root.
        samples: ``samples(root, split)`` yields the samples in a fixed order.
        fixed_info: the description, where it is the same for every root.
    """

    name: str
    source: Source
    describe: DescribeFunction
    samples: SamplesFunction
    fixed_info: DatasetInfo | None = None

    @property
    def info(self) -> DatasetInfo:
        """The description, for a dataset whose classes are known without its files."""
        if self.fixed_info is None:
            raise DataError(
                f"the classes of dataset {self.name!r} are those of the folder that it describes; "
                "use records that were converted from it, whose manifest names them"
            )
        return self.fixed_info


_REGISTRY: dict[str, Dataset] = {}


def register(info: DatasetInfo, source: Source) -> Callable[[SamplesFunction], SamplesFunction]:
    """Registers the decorated ``samples(root, split)`` function under ``info.name``."""

    def add(samples: SamplesFunction) -> SamplesFunction:
        _add(Dataset(info.name, source, lambda root: info, samples, info))
        return samples

    return add


def register_described(
    name: str, source: Source, describe: DescribeFunction
) -> Callable[[SamplesFunction], SamplesFunction]:
    """Registers a dataset whose classes and splits ``describe(root)`` finds below its root."""

    def add(samples: SamplesFunction) -> SamplesFunction:
        _add(Dataset(name, source, describe, samples))
        return samples

    return add


def _add(dataset: Dataset) -> None:
    if dataset.name in _REGISTRY:
        raise ValueError(f"a dataset named {dataset.name!r} is already registered")
    _REGISTRY[dataset.name] = dataset


def choose(kind: str, name: Any, choices: Mapping[Any, Any]) -> Any:
    """Returns ``choices[name]``, or raises a `DataError` that lists the choices.

    Args:
        kind: what is chosen, for the message: "dataset", "split", "mode" ...
        name: the wanted key.
        choices: what there is.
    """
    if name not in choices:
        raise DataError(f"unknown {kind} {name!r}; choose from {sorted(choices)}")
    return choices[name]


def get_dataset(name: str) -> Dataset:
    """Returns the registered dataset called ``name``, or raises a `DataError` with the names."""
    return choose("dataset", name, _REGISTRY)


def dataset_names() -> list[str]:
    """Returns the names of all registered datasets, sorted."""
    return sorted(_REGISTRY)
