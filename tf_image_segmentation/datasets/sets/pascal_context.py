"""PASCAL-Context: all that VOC 2010's images show, in 59 classes or those and a background."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS, check_pixels
from tf_image_segmentation.datasets.decode.matlab import load_mat
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import check_disjoint, find_root, read_ids, resolve_inside
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

# The 59 classes in the order of 59_labels.txt, VOC's 20 first, with the ids that LabelMap stores
# for them, which are those of the 459 names of labels.txt. Three names differ there: diningtable is
# called table, clothes cloth, and bedcloth bedclothes.
CLASS_IDS = {
    "aeroplane": 2,
    "bicycle": 23,
    "bird": 25,
    "boat": 31,
    "bottle": 34,
    "bus": 45,
    "car": 59,
    "cat": 65,
    "chair": 72,
    "cow": 98,
    "diningtable": 397,
    "dog": 113,
    "horse": 207,
    "motorbike": 258,
    "person": 284,
    "pottedplant": 308,
    "sheep": 347,
    "sofa": 368,
    "train": 416,
    "tvmonitor": 427,
    "bag": 9,
    "bed": 18,
    "bench": 22,
    "book": 33,
    "building": 44,
    "cabinet": 46,
    "ceiling": 68,
    "clothes": 80,
    "computer": 85,
    "cup": 104,
    "door": 115,
    "fence": 144,
    "floor": 158,
    "flower": 159,
    "food": 162,
    "grass": 187,
    "ground": 189,
    "keyboard": 220,
    "light": 232,
    "mountain": 259,
    "mouse": 260,
    "curtain": 105,
    "platform": 296,
    "sign": 355,
    "plate": 295,
    "road": 324,
    "rock": 326,
    "shelves": 349,
    "sidewalk": 354,
    "sky": 360,
    "snow": 366,
    "bedcloth": 19,
    "track": 415,
    "tree": 420,
    "truck": 424,
    "wall": 440,
    "water": 445,
    "window": 454,
    "wood": 458,
}
NUM_STORED = 459
LISTS = "ImageSets/Main"


def _info(names: tuple[str, ...], elsewhere: int) -> DatasetInfo:
    """Returns the description; stored ids of none of the ``names`` become ``elsewhere``."""
    stored = dict.fromkeys(range(NUM_STORED + 1), elsewhere)
    stored |= {CLASS_IDS[name]: names.index(name) for name in CLASS_IDS}
    return DatasetInfo(
        name=f"pascal_context_{len(names)}",
        class_names=names,
        # The first 21 have the colors of VOC.
        palette=voc_color_map(len(CLASS_IDS) + 1)[-len(names) :],
        ignore_label=255,
        splits={"train": 4998, "val": 5105},
        mask_encoding="label_map",
        label_map=stored,
    )


# Of 59 classes, what belongs to none is not looked at. Of 60, it is a class, "background": the 400
# rarer names and pixels without a name (0), so that 255 never occurs.
INFO_59 = _info(tuple(CLASS_IDS), 255)
INFO_60 = _info(("background", *CLASS_IDS), 0)

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
