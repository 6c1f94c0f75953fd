"""A custom dataset: a folder of images, a folder of masks, and classes.csv."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from tf_image_segmentation.datasets.classes_file import CLASSES_FILE, read_classes
from tf_image_segmentation.datasets.custom.files import (
    IMAGE_SUFFIXES,
    MASK_SUFFIXES,
    Files,
    files_by_split,
    sample_of_files,
    warn_of_left_out,
)
from tf_image_segmentation.datasets.lists import resolve_inside
from tf_image_segmentation.datasets.registry import OpenDataset, register_layout
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.errors import DataError

NAME = "folder"

SOURCE = Source(
    home_page="docs/your_own_data.md",
    license="that of your images",
    citation="none",
    layout="""\
classes.csv                columns name and, if wanted, id and color
images/[<split>/]<name>    .jpg, .png, .tif, .bmp, .gif, .webp, .nii.gz
masks/[<split>/]<name>     .png, .tif, .bmp, .gif, .nii.gz; .jpg with --mask-encoding threshold_128
{train,val,test}.txt       a name a line, where there are no subfolders; may be absent""",
    how_to_get="Put images and masks of the same names into two folders.",
)

_LITTER = ("thumbs.db", "desktop.ini")


@register_layout(NAME, SOURCE)
def open_folder(root: Path) -> OpenDataset:
    """Returns the classes of ``classes.csv``, and the samples by name or in the order of a list.

    Ids are names without extensions. An image without a mask, or a mask without an image, has the
    path at which its partner was looked for.

    Raises:
        DataError: the folder or ``classes.csv`` is not as `SOURCE` says.
    """
    folders = {root / "images": IMAGE_SUFFIXES, root / "masks": MASK_SUFFIXES}
    found = files_by_split(root, folders)
    for folder, suffixes in folders.items():
        _check_strays(folder, suffixes, found)
    _check_names(root, found)
    warn_of_left_out(root, folders, found)
    sizes = {split: len(files) for split, files in found.items()}
    info = replace(read_classes(root / CLASSES_FILE, NAME), splits=sizes)
    return OpenDataset(info, _samples(root, found))


def _samples(root: Path, found: Mapping[str, Files]) -> dict[str, list[Sample]]:
    images, masks = root / "images", root / "masks"
    places = {split: split if _in_subfolders(images, masks, split) else "" for split in found}
    return {
        split: [
            sample_of_files(
                image_id,
                image or resolve_inside(images / places[split], f"{image_id}.jpg"),
                mask or resolve_inside(masks / places[split], f"{image_id}.png"),
            )
            for image_id, (image, mask) in files.items()
        ]
        for split, files in found.items()
    }


def _check_names(root: Path, splits: Mapping[str, Files]) -> None:
    """Says what is wrong once, and not for each file, where no mask has the name of an image."""
    for split, files in splits.items():
        images, masks = (
            [path for path in column if path] for column in zip(*files.values(), strict=True)
        )
        if images and masks and not any(image and mask for image, mask in files.values()):
            raise DataError(
                f"{root}: no mask of the split {split} has the name of an image, such as "
                f"{images[0].name} and {masks[0].name}; give masks the names of their images"
            )


def _in_subfolders(images: Path, masks: Path, split: str) -> bool:
    return (images / split).is_dir() or (masks / split).is_dir()


def _check_strays(folder: Path, suffixes: Collection[str], splits: Collection[str]) -> None:
    """Refuses what would not be read, so that no image is left out unseen."""
    subfolders = [folder / split for split in splits if (folder / split).is_dir()]
    strays = sorted(
        path
        for place in (folder, *subfolders)
        for path in place.iterdir()
        if path.name[:1] != "." and path.name.lower() not in _LITTER and path not in subfolders
        if path.is_dir() or not path.name.lower().endswith(tuple(suffixes))
    )
    empty = [path for path in strays if path.is_dir() and path.parent == folder]
    if empty and not any(empty[0].iterdir()):
        raise DataError(
            f"{empty[0]}: is empty, though a subfolder is a split; put files there, or remove it"
        )
    if strays:
        raise DataError(
            f"{', '.join(map(str, strays[:10]))}{' ...' if strays[10:] else ''}: only files of the "
            f"types {' '.join(suffixes)} are read here, and one level of subfolders, which are "
            "splits; convert or move what is not"
        )
