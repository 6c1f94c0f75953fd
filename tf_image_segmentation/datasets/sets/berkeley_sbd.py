"""Berkeley Semantic Boundaries Dataset (SBD): the VOC classes on more VOC images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS, check_pixels
from tf_image_segmentation.datasets.decode.matlab import load_mat
from tf_image_segmentation.datasets.lists import check_disjoint, find_root, read_ids, resolve_inside
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.sets import pascal_voc
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

# The splits are others than those of VOC, and they overlap with them. The masks have no border:
# 255, kept as the ignore label to be one with VOC, never occurs.
INFO = replace(pascal_voc.INFO, name="berkeley_sbd", splits={"train": 8498, "val": 2857})

SOURCE = Source(
    home_page="http://home.bharathh.info/pubs/codes/SBD/download.html",
    license="images under the terms of Flickr, for research",
    citation="Hariharan et al., Semantic Contours from Inverse Detectors, ICCV 2011",
    layout="""\
benchmark_RELEASE/dataset/{train,val}.txt   ids
benchmark_RELEASE/dataset/img/<id>.jpg      images, the same as in VOC
benchmark_RELEASE/dataset/cls/<id>.mat      masks: MATLAB 5 struct GTcls, field Segmentation""",
    archives=(
        Archive(
            url="http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/"
            "semantic_contours/benchmark.tgz",
            checksum="md5:82b4d87ceb2ed10f6038a1cba92111cb",
            product="benchmark_RELEASE/dataset",
            required=("img", "cls", "train.txt", "val.txt"),
            max_bytes=6 * 10**9,
        ),
    ),
)


def sbd_folder(root: Path) -> Path:
    """Returns the SBD folder with the lists, img and cls: ``root`` or one below it."""
    return find_root(Path(root), "train.txt", ("dataset", "benchmark_RELEASE/dataset"))


def read_splits(root: Path) -> dict[str, list[str]]:
    """Returns the ids of "train" and "val" in list order, for a folder that holds the lists."""
    splits = {split: read_ids(root / f"{split}.txt") for split in INFO.splits}
    check_disjoint(splits)
    return splits


def sbd_image(root: Path, image_id: str) -> Path:
    """Returns the path of an image below an SBD folder, whether or not it exists."""
    return resolve_inside(root / "img", f"{image_id}.jpg")


def sbd_sample(root: Path, image_id: str, image: Path) -> Sample:
    """Returns the sample of ``image`` with its SBD mask."""
    mask = resolve_inside(root / "cls", f"{image_id}.mat")
    return Sample(image_id, image, mask, read_mask=read_sbd_mask)


def read_sbd_mask(path: Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads GTcls.Segmentation from a .mat file.

    Returns:
        Class ids, [height, width], of the integer type that the file has.

    Raises:
        DataError: if the file cannot be read, is damaged, or lacks that field.
    """
    struct = load_mat(path, "GTcls")
    fields = struct.dtype.names if isinstance(struct, np.ndarray) else None
    if struct is None or not fields or "Segmentation" not in fields or struct.size != 1:
        raise DataError(
            f"{path}: has no GTcls.Segmentation; masks are read from SBD's cls folder, not inst"
        )
    mask = np.asarray(struct["Segmentation"].item())
    if mask.ndim == 2:  # else it is refused with its shape, as that of any mask
        height, width = mask.shape
        check_pixels(f"{path}:", height, width, max_pixels)
    return mask


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train" or "val" in list order.

    ``root`` is .../benchmark_RELEASE/dataset or its parent.
    """
    choose("split", split, INFO.splits)
    folder = sbd_folder(root)
    return (sbd_sample(folder, i, sbd_image(folder, i)) for i in read_splits(folder)[split])
