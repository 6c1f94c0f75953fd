"""Cityscapes: street scenes of 50 cities, 19 classes, fine annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tf_image_segmentation.datasets.classes_file import published_classes
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import check_disjoint, paired_files
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

IMAGES, MASKS = "leftImg8bit", "gtFine"


def cityscapes_info(name: str, splits: Mapping[str, int]) -> DatasetInfo:
    """Returns the description of a dataset whose masks hold the label ids of Cityscapes.

    The classes are those that are evaluated, in the order of their train ids, with the authors'
    colors.

    Args:
        name: of the dataset.
        splits: its sizes.
    """
    table = published_classes("cityscapes")
    # The other ids up to 33 are void (0 to 6) or too rare to be evaluated (parking, bridge, caravan
    # ...). Number plates have the id -1, and the authors' program leaves those out of a mask, so
    # that it holds what lies below; 255 is -1 in 8 bits, for masks that other programs drew.
    label_map = {**dict.fromkeys(range(34), 255), **table.label_map}
    return replace(table, name=name, splits=splits, label_map=label_map)


# 1024 x 2048 pixels. The 1525 test images have masks, too, but these are dummies: everything in
# them is void, and so there is no split "test".
INFO = cityscapes_info("cityscapes", {"train": 2975, "val": 500})

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
