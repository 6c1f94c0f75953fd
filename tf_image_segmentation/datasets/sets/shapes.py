"""`shapes`: a small dataset that the package draws itself, in the layouts of VOC 2012 and SBD."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.sets.pascal_voc_sbd import union_samples
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.toy.drawing import IGNORE_LABEL, SBD_FOLDER, VOC_FOLDER
from tf_image_segmentation.datasets.toy.scene import SHAPE_CLASSES
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.registry import choose

CLASS_NAMES = ("background", *SHAPE_CLASSES)

INFO = DatasetInfo(
    name="shapes",
    class_names=CLASS_NAMES,
    palette=voc_color_map(len(CLASS_NAMES)),
    ignore_label=IGNORE_LABEL,
    splits={"train": 420, "val": 60},  # as drawn by default, in mode 2
)
MODE = 2

SOURCE = Source(
    home_page="",
    license="MIT, as this package",
    citation="",
    layout="VOCdevkit/VOC2012 and benchmark_RELEASE/dataset, as in VOC 2012 and SBD",
    how_to_get="Draw it: python scripts/make_shapes.py",
)


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of the union of VOC and SBD in mode 2, sorted by id.

    Args:
        root: the folder that `shapes_drawing.write_shapes` made.
        split: ``"train"`` or ``"val"``.

    Raises:
        DataError: the split is unknown or a list is missing.
    """
    choose("split", split, INFO.splits)
    return iter(union_samples(root / VOC_FOLDER, root / SBD_FOLDER, MODE)[split])
