"""NYU Depth V2: indoor scenes in 40 classes, from the MATLAB file that has all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.classes_file import published_classes, published_file
from tf_image_segmentation.datasets.csv_tables import read_table
from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS, check_pixels
from tf_image_segmentation.datasets.decode.matlab import load_mat
from tf_image_segmentation.datasets.lists import check_disjoint, find_root
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

NAME = "nyu_v2_40"
FRAMES, SPLITS = "nyu_depth_v2_labeled.mat", "splits.mat"
NUM_FRAMES = 1449
# The names in splits.mat. There is no split for validation: make one of "train", or do without.
VARIABLES = {"train": "trainNdxs", "test": "testNdxs"}


def _label_map() -> dict[int, int]:
    """Returns the class of each of the 894 names that people gave to objects; 0 is unlabeled.

    As classMapping40.mat of Gupta et al. has it: of the first 37 classes each has a single label,
    that of its name. The others are structures, furniture, or else props.
    """
    rows = read_table(published_file(NAME), ("labels",))
    classes = {
        int(label): number
        for number, row in enumerate(rows)
        for label in row.fields["labels"].split()
    }
    return {0: 255, **classes}


# All frames have 480 x 640 pixels, with a narrow white border that has no label. Names of classes
# are as published, with their spelling; the colors are those in which ScanNet shows them.
INFO = replace(
    published_classes(NAME),
    splits={"train": 795, "test": 654},
    mask_encoding="label_map",
    label_map=_label_map(),
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


def read_frame(path: Path, *, number: int, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads image ``number`` of the file, from 1: uint8 [height, width, 3] RGB.

    Raises:
        DataError: if the file is no such file, damaged, or has no such frame.
    """
    # HDF5 has the axes of MATLAB in reverse: frame, channel, column, row.
    return _read(path, "images", number, (3,), max_pixels).transpose(2, 1, 0)


def read_labels(path: Path, *, number: int, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads the labels of image ``number``, from 1: uint16 [height, width]; see `read_frame`."""
    return _read(path, "labels", number, (), max_pixels).transpose()


def _read(
    path: Path, name: str, number: int, channels: tuple[int, ...], max_pixels: int
) -> np.ndarray:
    import h5py  # not loaded where no HDF5 is read

    try:
        with h5py.File(path, "r") as file:
            _check_shape(path, name, file[name].shape, number, channels, max_pixels)
            return np.asarray(file[name][number - 1])
    except DataError:
        raise
    # What h5py raises for files that are damaged, or have something else under the name.
    except (OSError, RuntimeError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"{path}: is not a readable MATLAB 7.3 file with {name} ({error}); download it again"
        ) from error


def _check_shape(
    path: Path,
    name: str,
    shape: tuple[int, ...],
    number: int,
    channels: tuple[int, ...],
    max_pixels: int,
) -> None:
    if len(shape) < 3 or shape[1:-2] != channels or not 1 <= number <= shape[0]:
        raise DataError(
            f"{path}: {name} has the shape {list(shape)}, in which there is no frame {number}; "
            "download it again"
        )
    width, height = shape[-2:]
    check_pixels(f"{path}: a frame", height, width, max_pixels)
