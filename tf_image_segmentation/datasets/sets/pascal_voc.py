"""PASCAL VOC 2012, semantic segmentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.datasets import voc_labelmap
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import check_disjoint, find_root, read_ids, resolve_inside
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

LISTS = "ImageSets/Segmentation"

CLASS_NAMES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "dining table",
    "dog",
    "horse",
    "motorbike",
    "person",
    "potted plant",
    "sheep",
    "sofa",
    "train",
    "tv monitor",
)


# 255 marks a border some 5 pixels wide round every object, and objects too hard to label.
INFO = DatasetInfo(
    name="pascal_voc",
    class_names=CLASS_NAMES,
    palette=voc_color_map(len(CLASS_NAMES)),
    ignore_label=255,
    splits={"train": 1464, "val": 1449},
)

SOURCE = Source(
    home_page="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
    license="images under the terms of Flickr, for research",
    citation="Everingham et al., The PASCAL Visual Object Classes Challenge: A Retrospective, "
    "IJCV 2015",
    layout="""\
VOCdevkit/VOC2012/ImageSets/Segmentation/{train,val}.txt   ids
VOCdevkit/VOC2012/JPEGImages/<id>.jpg                      images, sides up to 500 pixels
VOCdevkit/VOC2012/SegmentationClass/<id>.png               palette masks""",
    archives=(
        Archive(
            url="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
            checksum="md5:6cd6e144f989b92b3379bac3b3de84fd",
            product="VOCdevkit/VOC2012",
            required=(
                "JPEGImages",
                "SegmentationClass",
                "ImageSets/Segmentation/train.txt",
                "ImageSets/Segmentation/val.txt",
            ),
            max_bytes=4 * 10**9,
        ),
    ),
)


def voc_folder(root: Path) -> Path:
    """Returns the VOC2012 folder that is ``root`` or lies below it as VOCdevkit/VOC2012."""
    return find_root(Path(root), LISTS, ("VOC2012", "VOCdevkit/VOC2012"))


def read_splits(root: Path) -> dict[str, list[str]]:
    """Returns the ids of "train" and "val" in list order, for a folder that holds `LISTS`."""
    splits = {split: read_ids(root / LISTS / f"{split}.txt") for split in INFO.splits}
    check_disjoint(splits)
    return splits


def voc_image(root: Path, image_id: str) -> Path:
    """Returns the path of an image below a VOC2012 folder, whether or not it exists."""
    return resolve_inside(root / "JPEGImages", f"{image_id}.jpg")


def voc_mask(root: Path, image_id: str) -> Path:
    """Returns the path of a mask below a VOC2012 folder, whether or not it exists."""
    return resolve_inside(root / "SegmentationClass", f"{image_id}.png")


def detect(root: Path) -> str | None:
    """Says by which files a root is known to be this dataset."""
    below = (root, root / "VOC2012", root / "VOCdevkit/VOC2012")
    for folder in (folder for folder in below if (folder / LISTS / "train.txt").is_file()):
        first = (folder / LISTS / "train.txt").read_bytes()[:12]
        named = any((folder / name).is_file() for name in voc_labelmap.FILES)
        if re.match(rb"\d{4}_\d{6}\b", first) and not named:
            return f"it has {LISTS}/train.txt with ids such as {first[:11].decode()}"
    return None


def _check_classes(folder: Path) -> None:
    """Refuses a folder that names other classes, whose ids would be taken for these."""
    found = voc_labelmap.read_voc_classes(folder, INFO.name)
    if found is None:
        return
    ours, theirs = (
        {name.replace(" ", ""): color for name, color in zip(i.class_names, i.palette, strict=True)}
        for i in (INFO, found)
    )
    if strange := [name for name, color in theirs.items() if ours.get(name) != color]:
        raise DataError(
            f"{folder}: is no PASCAL VOC 2012, because it names other classes, such as "
            f"{strange[0]!r}; use the dataset 'voc', which reads this layout with its own classes"
        )


@register_dataset(INFO, SOURCE, detect=detect)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train" or "val" in list order; ``root`` is .../VOCdevkit/VOC2012."""
    choose("split", split, INFO.splits)
    folder = voc_folder(root)
    _check_classes(folder)
    ids = read_ids(folder / LISTS / f"{split}.txt")
    return (Sample(i, voc_image(folder, i), voc_mask(folder, i)) for i in ids)
