"""A custom dataset: a folder of images, a folder of masks, and classes.csv."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from tf_image_segmentation.datasets.classes_file import CLASSES_FILE, read_classes
from tf_image_segmentation.datasets.custom.files import (
    IMAGE_SUFFIXES,
    MASK_SUFFIX,
    MASK_SUFFIXES,
    Files,
    files_by_split,
    sample_of_files,
    warn_of_left_out,
)
from tf_image_segmentation.datasets.decode.pages import bare_name
from tf_image_segmentation.datasets.lists import check_disjoint, list_files, resolve_inside
from tf_image_segmentation.datasets.registry import OpenDataset, register_layout
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.split_names import DEFAULT_SPLIT, known_split
from tf_image_segmentation.datasets.voc_labelmap import read_voc_classes
from tf_image_segmentation.errors import DataError

NAME = "folder"

SOURCE = Source(
    home_page="docs/reference/layouts.md",
    license="that of your images",
    citation="none",
    layout="""\
classes.csv                columns name and, if wanted, id and color
images/[<split>/]<name>    or <split>/images/<name>; .jpg, .png, .tif, .bmp, .gif, .webp, .nii.gz
masks/[<split>/]<name>     .png, .tif, .bmp, .gif, .nii.gz; .jpg with --mask-encoding threshold_128
{train,val,test}.txt       a name a line, where there are no subfolders; may be absent""",
    how_to_get="Put images and masks of the same names into two folders.",
)

IMAGE_FOLDERS = ("images", "image", "imgs", "img")
MASK_FOLDERS = ("masks", "mask", "labels", "annotations", "labelmasks", "masks_machine", "gt")
_LITTER = ("thumbs.db", "desktop.ini")


def detect(root: Path) -> str | None:
    """Says by which folders a root is known to have this layout."""
    for place in (root, *_splits_with_both(root).values()):
        images, masks = _two_folders(place)
        if images.is_dir() and masks.is_dir() and _holds_pairs(images, masks):
            return f"it has the folders {images.relative_to(root)} and {masks.relative_to(root)}"
    return None


@register_layout(NAME, SOURCE, detect=detect, options=(MASK_SUFFIX,))
def open_folder(root: Path, mask_suffix: str = "") -> OpenDataset:
    """Returns the classes of ``classes.csv``, and the samples by name or in the order of a list.

    Ids are names without extensions. An image without a mask, or a mask without an image, has the
    path at which its partner was looked for.

    Args:
        root: the folder.
        mask_suffix: what names of masks have behind those of their images.

    Raises:
        DataError: the folder or ``classes.csv`` is not as `SOURCE` says.
    """
    nested = _splits_with_both(root)
    splits: dict[str, list[Sample]] = {}
    for split, place in nested.items():
        for name, samples in _opened(place, mask_suffix).items():
            splits[split if name == DEFAULT_SPLIT else f"{split}_{name}"] = samples
    splits = splits or _opened(root, mask_suffix)
    check_disjoint({split: [s.image_id for s in samples] for split, samples in splits.items()})
    info = read_voc_classes(root, NAME) or read_classes(root / CLASSES_FILE, NAME)
    return OpenDataset(info, splits)


def _opened(root: Path, mask_suffix: str) -> dict[str, list[Sample]]:
    """Returns the samples of a folder that holds the two folders."""
    images, masks = _two_folders(root)
    folders = {images: IMAGE_SUFFIXES, masks: MASK_SUFFIXES}
    found = files_by_split(root, folders)
    for folder, suffixes in folders.items():
        _check_strays(folder, suffixes, found)
    if mask_suffix:
        found = {split: _joined(files, mask_suffix) for split, files in found.items()}
    _check_names(root, found)
    if not mask_suffix:
        warn_of_left_out(root, folders, found)
    return _samples(images, masks, found, mask_suffix)


def _two_folders(root: Path) -> tuple[Path, Path]:
    """Returns the folders of images and masks, by the first of the names that they may have."""
    there = {p.name.lower(): p for p in sorted(root.glob("*")) if p.is_dir()}
    images, masks = (
        next((there[name] for name in names if name in there), root / names[0])
        for names in (IMAGE_FOLDERS, MASK_FOLDERS)
    )
    return images, masks


def _splits_with_both(root: Path) -> dict[str, Path]:
    """Returns the subfolders that hold a folder of images and one of masks, which are splits."""
    below = sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    found = {p.name: p for p in below if all(folder.is_dir() for folder in _two_folders(p))}
    return found if len(found) > 1 or any(map(known_split, found)) else {}


def _joined(files: Files, suffix: str) -> Files:
    """Gives masks the ids of their images, where their names have a suffix more."""
    joined: Files = {}
    for name, (image, mask) in files.items():
        image_id = name.removesuffix(suffix) if image is None else name
        others = joined.get(image_id, (None, None))
        joined[image_id] = (image or others[0], mask or others[1])
    return joined


def _samples(
    images: Path, masks: Path, found: Mapping[str, Files], suffix: str
) -> dict[str, list[Sample]]:
    places = {split: split if _in_subfolders(images, masks, split) else "" for split in found}
    return {
        split: [
            sample_of_files(
                image_id,
                image or resolve_inside(images / places[split], f"{image_id}.jpg"),
                mask or _mask(masks / places[split], f"{image_id}{suffix}"),
            )
            for image_id, (image, mask) in files.items()
        ]
        for split, files in found.items()
    }


def _mask(folder: Path, name: str) -> Path:
    there = (f"{name}{end}" for end in MASK_SUFFIXES if (folder / f"{name}{end}").is_file())
    return resolve_inside(folder, next(there, f"{name}.png"))


def _check_names(root: Path, splits: Mapping[str, Files]) -> None:
    """Says what is wrong once, and not for each file, where no mask has the name of an image."""
    for split, files in splits.items():
        images, masks = (
            [path for path in column if path] for column in zip(*files.values(), strict=True)
        )
        if images and masks and not any(image and mask for image, mask in files.values()):
            suffix = common_suffix(images, masks)
            way_out = f"add --mask-suffix={suffix}" if suffix else "give masks their images' names"
            raise DataError(
                f"{root}: no mask of the split {split} has the name of an image, such as "
                f"{images[0].name} and {masks[0].name}; {way_out}"
            )


def common_suffix(images: Collection[Path], masks: Collection[Path]) -> str:
    """Returns what names of masks have behind those of their images, "" if there is no one text."""
    names = {bare_name(path.name) for path in images}
    found = set()
    for mask in masks:
        name = bare_name(mask.name)
        starts = [end for end in range(len(name), 0, -1) if name[:end] in names]
        found.add(name[starts[0] :] if starts else "")
    return found.pop() if len(found) == 1 else ""


def _holds_pairs(images: Path, masks: Path) -> bool:
    """Says whether two folders have images and at most one mask for each."""
    shared = [p.name for p in images.iterdir() if p.is_dir() and (masks / p.name).is_dir()]
    for name in (*sorted(shared), "."):
        listed = list_files(images / name, IMAGE_SUFFIXES)
        drawn = list_files(masks / name, MASK_SUFFIXES)
        if listed and drawn and len(drawn) <= len(listed):
            named = {bare_name(path.name) for path in listed}
            same = any(bare_name(path.name) in named for path in drawn)
            return same or bool(common_suffix(listed, drawn))
    return False


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
