"""COCO-Stuff: all of COCO 2017 with pixel maps of things and stuff."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tf_image_segmentation.datasets.classes_file import published_classes
from tf_image_segmentation.datasets.lists import paired_splits
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.registry import choose

_FOLDERS = {"train": "train2017", "val": "val2017"}

# 80 things and 91 kinds of stuff: labels.txt of the authors without 0, "unlabeled", and without the
# 11 things that COCO dropped. The pixel maps hold label id - 1, 0 to 181, and 255 where nothing is
# labeled. No palette is published that tells all classes apart (the authors' tools paint all things
# black), so that these are the VOC colors of the label ids.
INFO = replace(published_classes("coco_stuff"), splits={"train": 118287, "val": 5000})

SOURCE = Source(
    home_page="https://github.com/nightrome/cocostuff",
    license="annotations CC BY 4.0, images under the terms of Flickr",
    citation="Caesar et al., COCO-Stuff: Thing and Stuff Classes in Context, CVPR 2018",
    layout="""\
images/{train2017,val2017}/<12 digits>.jpg        images, sides up to 640 pixels
annotations/{train2017,val2017}/<12 digits>.png   pixel maps, from stuffthingmaps""",
    archives=(
        *(
            Archive(
                url=f"http://images.cocodataset.org/zips/{name}.zip",
                product=name,
                folder="images",
                max_bytes=25 * 10**9,
            )
            for name in _FOLDERS.values()
        ),
        Archive(
            url="http://calvin.inf.ed.ac.uk/wp-content/uploads/data/cocostuffdataset/"
            "stuffthingmaps_trainval2017.zip",
            folder="annotations",
            required=tuple(_FOLDERS.values()),
        ),
    ),
)


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train" or "val" of COCO 2017, sorted; ids are the files' stems.

    Raises:
        DataError: the split is unknown, a folder is missing, or an id is in both splits.
    """
    choose("split", split, INFO.splits)
    root = Path(root)
    folders = {
        name: (root / "images" / below, root / "annotations" / below)
        for name, below in _FOLDERS.items()
    }
    pairs = paired_splits(folders, split, image_end=".jpg", mask_end=".png")
    return (Sample(*pair) for pair in pairs)
