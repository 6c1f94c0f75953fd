"""NYU Depth V2: indoor scenes in 40 classes, from the MATLAB file that has all of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.decode.matlab import load_mat
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import check_disjoint, find_root
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.sets.nyu_v2_classes import CLASS_NAMES, CLASS_OF_LABEL, PALETTE
from tf_image_segmentation.datasets.sets.nyu_v2_frames import read_frame, read_labels
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

FRAMES, SPLITS = "nyu_depth_v2_labeled.mat", "splits.mat"
NUM_FRAMES = 1449
# The names in splits.mat. There is no split for validation: make one of "train", or do without.
VARIABLES = {"train": "trainNdxs", "test": "testNdxs"}

# All frames have 480 x 640 pixels, with a narrow white border that has no label. 0 is unlabeled; 1
# to 894 are what people called the objects.
INFO = DatasetInfo(
    name="nyu_v2_40",
    class_names=CLASS_NAMES,
    palette=PALETTE,
    ignore_label=255,
    splits={"train": 795, "test": 654},
    mask_encoding="label_map",
    label_map={0: 255, **CLASS_OF_LABEL},
)

SOURCE = Source(
    home_page="https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html",
    license="not stated; used for research",
    citation="Silberman et al., Indoor Segmentation and Support Inference from RGBD Images, ECCV "
    "2012; 40 classes as in Gupta et al., Perceptual Organization and Recognition of Indoor Scenes "
    "from RGB-D Images, CVPR 2013",
    layout=f"""\
{FRAMES}   MATLAB 7.3 (HDF5): images, labels; depths and others are not read
{SPLITS}                 MATLAB 5: trainNdxs, testNdxs, numbers of frames from 1""",
    archives=(
        Archive(
            url=f"http://horatio.cs.nyu.edu/mit/silberman/nyu_depth_v2/{FRAMES}",
            checksum="md5:520609c519fba3ba5ac58c8fefcc3530",
            unpack=False,
        ),
        Archive(
            url=f"http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/{SPLITS}",
            checksum="md5:08e3c3aea27130ac7c01ffd739a4535f",
            unpack=False,
        ),
    ),
)


def read_splits(path: Path) -> dict[str, list[int]]:
    """Returns the numbers of the frames of "train" and "test", from 1, in the file's order.

    Raises:
        DataError: if the file cannot be read, or lists a number twice or one that no frame has.
    """
    splits = {}
    for split, variable in VARIABLES.items():
        values = load_mat(path, variable)
        if values is None or not np.issubdtype(values.dtype, np.number):
            raise DataError(f"{path}: has no numbers {variable}; download it again")
        beyond = [
            value for value in values.ravel().tolist() if value not in range(1, NUM_FRAMES + 1)
        ]
        if beyond:
            raise DataError(
                f"{path}: {variable} lists frame {beyond[0]}, but there are 1 to {NUM_FRAMES}; "
                "download it again"
            )
        splits[split] = [int(value) for value in values.ravel()]
    check_disjoint({split: [str(number) for number in splits[split]] for split in splits})
    return splits


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the frames of "train" or "test"; ids are their numbers, ``0001`` to ``1449``.

    Raises:
        DataError: the split is unknown, or ``root`` lacks one of the two files.
    """
    choose("split", split, INFO.splits)
    folder = find_root(Path(root), FRAMES, ())
    return (_sample(folder / FRAMES, number) for number in read_splits(folder / SPLITS)[split])


def _sample(path: Path, number: int) -> Sample:
    read_image, read_mask = partial(read_frame, number=number), partial(read_labels, number=number)
    return Sample(f"{number:04}", path, path, read_image=read_image, read_mask=read_mask)
