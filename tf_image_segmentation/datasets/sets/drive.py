"""DRIVE: blood vessels in photographs of the retina."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.decode.other_formats import read_gif, read_tiff
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import find_root, list_files
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

FOLDERS = {"train": "training", "test": "test"}

# 584 x 565 pixels, of which those of the camera's round field of view count, about two thirds. A
# second GIF says where that is; outside of it is the ignore label, as in the published figures.
# Test masks are those of the first observer.
INFO = DatasetInfo(
    name="drive",
    class_names=("background", "vessel"),
    palette=((0, 0, 0), (220, 40, 40)),
    ignore_label=255,
    splits={"train": 20, "test": 20},
    mask_encoding="index_with_void",
)

SOURCE = Source(
    home_page="https://drive.grand-challenge.org/",
    license="research and education only",
    citation="Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE "
    "Transactions on Medical Imaging 2004",
    layout="""\
training/images/<21 to 40>_training.tif      images, 584 x 565
training/1st_manual/<number>_manual1.gif     masks of 0 and 255
training/mask/<number>_training_mask.gif     field of view, 0 and 255
test/images/<01 to 20>_test.tif              the same for "test"
test/1st_manual/<number>_manual1.gif         some releases lack these
test/mask/<number>_test_mask.gif""",
    how_to_get="Join the challenge, and unpack training.zip and test.zip in the root. Where test "
    "has no folder 1st_manual, use the split train only.",
)


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train" or "test" in the order of their numbers.

    Ids are the images' stems, ``21_training`` for example.

    Raises:
        DataError: the split is unknown, or a folder is missing.
    """
    choose("split", split, FOLDERS)
    folder = find_root(Path(root), FOLDERS[split], ("DRIVE",)) / FOLDERS[split]
    manual = folder / "1st_manual"
    if not manual.is_dir():
        raise DataError(
            f"{manual}: there is no such folder; some releases of DRIVE lack the masks of the test "
            "images, and only the split train can be used then"
        )
    numbers = {
        path.name.partition("_")[0]
        for names in (
            list_files(folder / "images", [".tif"]),
            list_files(manual, [".gif"]),
            list_files(folder / "mask", [".gif"]),
        )
        for path in names
    }
    return (_sample(folder, number) for number in sorted(numbers))


def _sample(folder: Path, number: str) -> Sample:
    image_id = f"{number}_{folder.name}"
    field = folder / "mask" / f"{image_id}_mask.gif"
    return Sample(
        image_id,
        folder / "images" / f"{image_id}.tif",
        folder / "1st_manual" / f"{number}_manual1.gif",
        read_image=read_tiff,
        read_mask=partial(read_vessels, field_of_view=field),
        extra_files=(field,),
    )


def read_vessels(path: Path, *, field_of_view: Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads a mask of vessels and the field of view that it is valid in.

    Returns:
        uint8 [height, width]: 1 on vessels, 0 beside them, 255 outside the field of view.

    Raises:
        DataError: one of the files cannot be read or holds other values than 0 and 255, or their
            sizes differ.
    """
    vessels = _read_binary(path, max_pixels)
    inside = _read_binary(field_of_view, max_pixels)
    if vessels.shape != inside.shape:
        raise DataError(
            f"{field_of_view}: the field of view has {inside.shape[0]} x {inside.shape[1]} pixels "
            f"(height x width), but the mask {path} has {vessels.shape[0]} x {vessels.shape[1]}; "
            "copy both from the same release"
        )
    return np.where(inside, vessels, 255).astype(np.uint8)


def _read_binary(path: Path, max_pixels: int) -> np.ndarray:
    values = read_gif(path, max_pixels=max_pixels)
    if values.ndim != 2 or not np.isin(values, (0, 255)).all():
        raise DataError(
            f"{path}: holds other values than 0 and 255; copy it from the original release"
        )
    return values == 255
