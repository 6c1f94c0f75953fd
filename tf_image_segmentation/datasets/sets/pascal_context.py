"""PASCAL-Context: all that VOC 2010's images show, in 59 classes or those and a background."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.classes_file import published_classes
from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS, check_pixels
from tf_image_segmentation.datasets.decode.matlab import load_mat
from tf_image_segmentation.datasets.lists import check_disjoint, find_root, read_ids, resolve_inside
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

NUM_STORED = 459
LISTS = "ImageSets/Main"

# The table has the 59 classes in the order of 59_labels.txt, VOC's 20 first and in their colors,
# with the ids that LabelMap stores for them. These are the ids of the 459 names of labels.txt,
# where three differ: diningtable is called table, clothes cloth, and bedcloth bedclothes.
_TABLE = published_classes("pascal_context_59")
_SPLITS = {"train": 4998, "val": 5105}

# Of 59 classes, what belongs to none is not looked at. Of 60, it is a class, "background": the 400
# rarer names and pixels without a name (0), so that 255 never occurs.
INFO_59 = replace(
    _TABLE,
    splits=_SPLITS,
    label_map={**dict.fromkeys(range(NUM_STORED + 1), 255), **_TABLE.label_map},
)
INFO_60 = replace(
    INFO_59,
    name="pascal_context_60",
    class_names=("background", *INFO_59.class_names),
    palette=((0, 0, 0), *INFO_59.palette),
    label_map={
        stored: 0 if label == 255 else label + 1 for stored, label in INFO_59.label_map.items()
    },
)

SOURCE = Source(
    home_page="https://cs.stanford.edu/~roozbeh/pascal-context/",
    license="images under the terms of Flickr, for research",
    citation="Mottaghi et al., The Role of Context for Object Detection and Semantic Segmentation "
    "in the Wild, CVPR 2014",
    layout="""\
VOCdevkit/VOC2010/ImageSets/Main/{train,val}.txt   ids: all images of VOC 2010
VOCdevkit/VOC2010/JPEGImages/<id>.jpg              images, sides up to 500 pixels
trainval/<id>.mat                                  masks: MATLAB 5 array LabelMap, ids 1 to 459""",
    archives=(
        Archive(
            url="http://host.robots.ox.ac.uk/pascal/VOC/voc2010/VOCtrainval_03-May-2010.tar",
            checksum="md5:da459979d0c395079b5c75ee67908abb",
            product="VOCdevkit/VOC2010",
            required=("JPEGImages", f"{LISTS}/train.txt", f"{LISTS}/val.txt"),
            max_bytes=3 * 10**9,
        ),
        Archive(
            url="https://cs.stanford.edu/~roozbeh/pascal-context/trainval.tar.gz",
            product="trainval",
            max_bytes=2 * 10**9,
        ),
    ),
)


def read_label_map(path: Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads LabelMap from a .mat file: ids 0 to 459, [height, width].

    Raises:
        DataError: if the file cannot be read, is damaged, or has no such array.
    """
    mask = load_mat(path, "LabelMap")
    if mask is None or mask.ndim != 2 or not np.issubdtype(mask.dtype, np.number):
        raise DataError(f"{path}: has no array LabelMap; masks are the files of trainval.tar.gz")
    height, width = mask.shape
    check_pixels(f"{path}:", height, width, max_pixels)
    return mask


@register_dataset(INFO_59, SOURCE)
@register_dataset(INFO_60, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train" or "val" in list order; trainval may lie in VOC2010 as well.

    Raises:
        DataError: the split is unknown, or ``root`` lacks the lists or the folder trainval.
    """
    choose("split", split, INFO_59.splits)
    voc = find_root(Path(root), LISTS, ("VOC2010", "VOCdevkit/VOC2010"))
    masks = find_root(Path(root), "trainval", ("VOCdevkit", "VOCdevkit/VOC2010")) / "trainval"
    splits = {name: read_ids(voc / LISTS / f"{name}.txt") for name in INFO_59.splits}
    check_disjoint(splits)
    return (
        Sample(
            i,
            resolve_inside(voc / "JPEGImages", f"{i}.jpg"),
            resolve_inside(masks, f"{i}.mat"),
            read_mask=read_label_map,
        )
        for i in splits[split]
    )
