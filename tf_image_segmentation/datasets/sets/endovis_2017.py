"""EndoVis 2017: robotic instruments; as one class, by their parts, or by their types."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.decode.images import decode_image
from tf_image_segmentation.datasets.decode.masks import read_gray_mask
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import find_root, list_files, resolve_inside
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

TYPES = {
    "bipolar forceps": 1,
    "prograsp forceps": 2,
    "large needle driver": 3,
    "vessel sealer": 4,
    "grasping retractor": 5,
    "monopolar curved scissors": 6,
    "other": 7,
}
"""The class id of each type of instrument, as in the challenge's type mapping."""

OTHER = TYPES["other"]

# Where the camera's 1024 x 1280 pixels are, as the challenge's page gives it.
_WITH_BORDER = (1080, 1920)
_ROWS, _COLUMNS = slice(28, 28 + 1024), slice(320, 320 + 1280)

# The training release: 8 videos of 225 frames, which look alike within a video. "val" are two whole
# ones, the first of the four folds of Shvets et al. (1 and 3; 2 and 5; 4 and 8; 6 and 7). The
# masks of the challenge's test videos are not read.
VIDEOS = {"train": (2, 4, 5, 6, 7, 8), "val": (1, 3)}
FRAMES_OF_A_VIDEO = 225


def _info(task: str, class_names: tuple[str, ...], **encoding: Any) -> DatasetInfo:
    # Everything is labeled; what is no instrument is background.
    return DatasetInfo(
        name=f"endovis_2017_{task}",
        class_names=class_names,
        palette=voc_color_map(len(class_names)),
        ignore_label=None,
        splits={split: FRAMES_OF_A_VIDEO * len(videos) for split, videos in VIDEOS.items()},
        **encoding,
    )


# Other instruments than those of the robot, an ultrasound probe for example, count as background
# but for the types.
INFOS = {
    "binary": _info("binary", ("background", "instrument")),
    "parts": _info(
        "parts",
        ("background", "shaft", "wrist", "claspers"),
        mask_encoding="label_map",
        label_map={0: 0, 10: 1, 20: 2, 30: 3},
    ),
    "type": _info("type", ("background", *TYPES)),
}

SOURCE = Source(
    home_page="https://endovissub2017-roboticinstrumentsegmentation.grand-challenge.org/",
    license="research only",
    citation="Allan et al., 2017 Robotic Instrument Segmentation Challenge, arXiv 1902.06426, "
    "2019; folds as in Shvets et al., Automatic Instrument Segmentation in Robot-Assisted Surgery "
    "Using Deep Learning, ICMLA 2018",
    layout="""\
instrument_dataset_<1 to 8>/left_frames/frame<000 to 224>.png   images, 1080 x 1920, black border
instrument_dataset_<1 to 8>/ground_truth/<instrument>/frame<000 to 224>.png
    masks of 0, 10, 20, 30: a folder for each instrument, Left_Prograsp_Forceps_labels and so on
The videos may lie in instrument_1_4_training and instrument_5_8_training, or in train.""",
    how_to_get="Register at the challenge, and unpack instrument_1_4_training.zip and "
    "instrument_5_8_training.zip into the root.",
)


def _samples(task: str, root: Path, split: str) -> Iterator[Sample]:
    """Yields the frames of "train" or "val"; ids are ``dataset_1_frame000`` and so on.

    Raises:
        DataError: the split is unknown, or the folder of a video, its frames or instruments is
            missing, empty or of an unknown instrument.
    """
    choose("split", split, VIDEOS)
    below = ("instrument_1_4_training", "instrument_5_8_training", "train")
    found = []
    for video in VIDEOS[split]:
        name = f"instrument_dataset_{video}"
        found += _frames(find_root(Path(root), name, below) / name, video, task)
    return iter(found)


def _frames(folder: Path, video: int, task: str) -> list[Sample]:
    images, instruments = folder / "left_frames", _instruments(folder / "ground_truth", task)
    # Of all folders, so that a frame that one of them lacks is reported as missing.
    names = {path.name for place in (images, *instruments) for path in list_files(place, [".png"])}
    if not names:
        raise DataError(f"{images}: holds no frames; unpack it again")
    return [_sample(images, instruments, name, video, task) for name in sorted(names)]


def _instruments(folder: Path, task: str) -> list[Path]:
    """Returns the folders of the instruments that count for the task, sorted by name."""
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder; check the dataset's root")
    found = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    counted = [p for p in found if instrument_type(p) != OTHER or task == "type"]
    if not counted:
        raise DataError(f"{folder}: holds no folders of instruments; unpack it again")
    return counted


def _sample(images: Path, instruments: list[Path], name: str, video: int, task: str) -> Sample:
    first, *others = (resolve_inside(folder, name) for folder in instruments)
    return Sample(
        f"dataset_{video}_{Path(name).stem}",
        resolve_inside(images, name),
        first,
        read_image=read_frame,
        read_mask=partial(read_instruments, others=tuple(others), task=task),
        extra_files=tuple(others),
    )


def instrument_type(folder: Path) -> int:
    """Returns the class id of the instrument whose masks are in ``folder``, from its name.

    Names differ between the videos: Left_Prograsp_Forceps_labels, Maryland_Bipolar_Forceps_labels,
    Large_Needle_Driver_Left_labels, Right_Vessel_Sealer.

    Raises:
        DataError: if it names none of the types.
    """
    words = folder.name.lower().replace("_", " ")
    for name, number in TYPES.items():
        if name in words:
            return number
    raise DataError(
        f"{folder}: is the folder of no known instrument ({', '.join(TYPES)}); move it away"
    )


def _without_border(values: np.ndarray) -> np.ndarray:
    """Cuts the border off, unless somebody has done so before."""
    return values[_ROWS, _COLUMNS] if values.shape[:2] == _WITH_BORDER else values


def read_frame(path: Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads an image: uint8 [1024, 1280, 3] RGB."""
    return _without_border(decode_image(path, max_pixels=max_pixels))


def read_instruments(
    path: Path, *, others: tuple[Path, ...], task: str, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Reads the masks of a frame's instruments into one; where they overlap, the last counts.

    Args:
        path: mask of the first instrument.
        others: masks of the others; the folder of each says of which type it is.
        task: ``"binary"`` gives 0 and 1, ``"parts"`` the stored values (0, 10, 20, 30), and
            ``"type"`` the class ids of `TYPES`.
        max_pixels: largest height * width of a mask.

    Returns:
        uint8 or uint16 [1024, 1280].

    Raises:
        DataError: if one of them cannot be read, or has another size.
    """
    combined = _values(path, task, max_pixels)
    for other in others:
        values = _values(other, task, max_pixels)
        if values.shape != combined.shape:
            raise DataError(
                f"{other}: has {values.shape[0]} x {values.shape[1]} pixels (height x width), but "
                f"{path} has {combined.shape[0]} x {combined.shape[1]}; unpack them again"
            )
        combined = np.where(values > 0, values, combined)
    return combined


def _values(path: Path, task: str, max_pixels: int) -> np.ndarray:
    mask = _without_border(read_gray_mask(path, max_pixels=max_pixels))
    if task == "parts":
        return mask
    value = instrument_type(path.parent) if task == "type" else 1
    return np.where(mask > 0, np.uint8(value), np.uint8(0))


for _task, _task_info in INFOS.items():
    register_dataset(_task_info, SOURCE)(partial(_samples, _task))
