"""Cityscapes: street scenes of 50 cities, 19 classes, fine annotations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import check_disjoint, paired_files
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.sets.cityscapes_classes import (
    CLASS_NAMES,
    IGNORE_LABEL,
    LABEL_MAP,
    PALETTE,
)
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

IMAGES, MASKS = "leftImg8bit", "gtFine"

# 1024 x 2048 pixels. The 1525 test images have masks, too, but these are dummies: everything in
# them is void, and so there is no split "test".
INFO = DatasetInfo(
    name="cityscapes",
    class_names=CLASS_NAMES,
    palette=PALETTE,
    ignore_label=IGNORE_LABEL,
    splits={"train": 2975, "val": 500},
    mask_encoding="label_map",
    label_map=LABEL_MAP,
)

SOURCE = Source(
    home_page="https://www.cityscapes-dataset.com/",
    license="non-commercial research and teaching",
    citation="Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, "
    "CVPR 2016",
    layout="""\
leftImg8bit/{train,val}/<city>/<city>_<sequence>_<frame>_leftImg8bit.png   images, 1024 x 2048
gtFine/{train,val}/<city>/<city>_<sequence>_<frame>_gtFine_labelIds.png    masks of label ids""",
    how_to_get="Register at the home page, and unpack leftImg8bit_trainvaltest.zip and "
    "gtFine_trainvaltest.zip into the root.",
)


def _cities(folder: Path) -> set[str]:
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder; check the dataset's root")
    return {city.name for city in folder.iterdir() if city.is_dir() and city.name[0] != "."}


def _pairs(root: Path, split: str) -> list[tuple[str, Path, Path]]:
    images, masks = root / IMAGES / split, root / MASKS / split
    return [
        pair
        for city in sorted(_cities(images) | _cities(masks))
        for pair in paired_files(
            images / city,
            masks / city,
            image_end="_leftImg8bit.png",
            mask_end="_gtFine_labelIds.png",
        )
    ]


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train" or "val", sorted; ids are ``<city>_<sequence>_<frame>``.

    Raises:
        DataError: the split is unknown, a folder is missing, or an id is there twice.
    """
    choose("split", split, INFO.splits)
    root = Path(root)
    pairs = {
        name: _pairs(root, name)
        for name in INFO.splits
        if name == split or all((root / folder / name).is_dir() for folder in (IMAGES, MASKS))
    }
    check_disjoint({name: [pair[0] for pair in found] for name, found in pairs.items()})
    return (Sample(*pair) for pair in pairs[split])
