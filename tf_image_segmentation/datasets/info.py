"""Description of a dataset: classes, colors and how its masks store them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
