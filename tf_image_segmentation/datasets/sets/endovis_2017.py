"""EndoVis 2017: robotic instruments; as one class, by their parts, or by their types."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import find_root, list_files, resolve_inside
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.sets.endovis_2017_frames import (
    OTHER,
    TYPES,
    instrument_type,
    read_frame,
    read_instruments,
)
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

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


for _task, _task_info in INFOS.items():
    register_dataset(_task_info, SOURCE)(partial(_samples, _task))
