"""Description of a dataset: classes, colors and how its masks store them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tf_image_segmentation import structs
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import Byte, Color

VOID_COLORS = ((255, 255, 255), (224, 224, 192))
"""White, and entry 255 of the VOC color map: void in a color mask, unless a class has them."""


class _Fields(msgspec.Struct):
    """What `DatasetInfo.to_json` returns."""

    name: str
    class_names: tuple[str, ...]
    palette: tuple[Color, ...]
    ignore_label: Byte | None
    splits: dict[str, int]
    mask_encoding: str
    label_map: tuple[tuple[int, int], ...] = ()
    void_colors: tuple[Color, ...] | None = None
    void_colours: tuple[Color, ...] | None = None  # as version 0.1 spelled it
    transparent: str | None = None


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
        transparent: what pixels of alpha 0 in masks are: ``"background"`` (class 0), ``"ignore"``,
            or ``"color"``, what their color says; None refuses them unless that is background, too.
    """

    name: str
    class_names: tuple[str, ...]
    palette: tuple[Color, ...]
    ignore_label: int | None = 255
    splits: Mapping[str, int] = field(default_factory=dict)
    mask_encoding: str = "index"
    label_map: Mapping[int, int] = field(default_factory=dict)
    void_colors: tuple[Color, ...] = VOID_COLORS
    transparent: str | None = None

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
            **({"transparent": self.transparent} if self.transparent else {}),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> DatasetInfo:
        """Rebuilds a description from what `to_json` returned.

        Raises:
            DataError: a field is missing or wrong; the message names it.
        """
        file = structs.convert(fields, _Fields, "dataset")
        void_colors = file.void_colours if file.void_colors is None else file.void_colors
        return cls(
            name=file.name,
            class_names=file.class_names,
            palette=file.palette,
            ignore_label=file.ignore_label,
            splits=file.splits,
            mask_encoding=file.mask_encoding,
            label_map=dict(file.label_map),
            void_colors=VOID_COLORS if void_colors is None else void_colors,
            transparent=file.transparent,
        )
