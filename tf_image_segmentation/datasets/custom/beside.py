"""A custom dataset: masks beside their images, in the same folder, as Roboflow exports them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tf_image_segmentation.datasets.custom.files import (
    IMAGE_SUFFIXES,
    MASK_SUFFIX,
    files_by_name,
    sample_of_files,
)
from tf_image_segmentation.datasets.decode.pages import bare_name
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import list_files, resolve_inside
from tf_image_segmentation.datasets.registry import OpenDataset, register_layout
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.split_names import DEFAULT_SPLIT, only_known
from tf_image_segmentation.datasets.voc_labelmap import FILES, read_voc_classes
from tf_image_segmentation.errors import DataError

NAME = "beside"
DEFAULT_SUFFIX = "_mask"

SOURCE = Source(
    home_page="docs/reference/layouts.md",
    license="that of your images",
    citation="none",
    layout="""\
[<split>/]<name>.jpg         images
[<split>/]<name>_mask.png    masks; another ending with --mask-suffix
[<split>/]_classes.csv       columns Pixel Value and Class; or classes.csv""",
    how_to_get="Export from Roboflow as 'Semantic Segmentation Masks'.",
)


def detect(root: Path) -> str | None:
    """Says by which file a root is known to have this layout."""
    suffix = found_suffix(_folders(root).values())
    if not suffix:
        return None
    reason = f"names of masks have {suffix} behind those of their images, beside them"
    return reason if suffix == DEFAULT_SUFFIX else f"{reason}; add --mask-suffix={suffix}"


def found_suffix(folders: Iterable[Path]) -> str:
    """Returns what all masks have behind the names of their images, "" if that is no one text.

    It begins with a hyphen, an underscore, a period or a space.
    """
    found = set()
    for folder in folders:
        names = {bare_name(path.name) for path in list_files(folder, IMAGE_SUFFIXES)}
        for name in (bare_name(path.name) for path in list_files(folder, [".png"])):
            ends = (end for end in range(len(name) - 1, 0, -1) if name[end] in "-_. ")
            found |= {name[end:] for end in ends if name[:end] in names}
    return found.pop() if len(found) == 1 else ""


@register_layout(NAME, SOURCE, detect=detect, options=(MASK_SUFFIX,))
def open_beside(root: Path, mask_suffix: str = DEFAULT_SUFFIX) -> OpenDataset:
    """Returns the classes of ``_classes.csv`` and the samples by name; subfolders are splits.

    Args:
        root: the folder.
        mask_suffix: what names of masks have behind those of their images.

    Raises:
        DataError: the folder is not as `SOURCE` says.
    """
    folders = _folders(root)
    if not mask_suffix:
        raise DataError("--mask-suffix must not be empty where masks lie beside images")
    splits = {split: _samples(folder, mask_suffix) for split, folder in folders.items()}
    splits = {split: samples for split, samples in splits.items() if samples}
    if not splits:
        raise DataError(f"{root}: holds no images; check the root")
    if not any(sample.mask.is_file() for samples in splits.values() for sample in samples):
        first = next(iter(splits.values()))[0]
        found = found_suffix(folders.values())
        way_out = f"add --mask-suffix={found}" if found else "say with --mask-suffix what does"
        raise DataError(
            f"{root}: no mask has {mask_suffix} behind the name of an image, such as "
            f"{first.mask.name}; {way_out}"
        )
    return OpenDataset(_classes(root, folders), splits)


def _folders(root: Path) -> dict[str, Path]:
    if not root.is_dir():
        return {}
    subfolders = sorted(p for p in root.iterdir() if p.is_dir() and p.name[:1] != ".")
    filled = {p.name: p for p in subfolders if list_files(p, IMAGE_SUFFIXES)}
    nested = filled and not list_files(root, IMAGE_SUFFIXES)
    return only_known(filled) if nested else {DEFAULT_SPLIT: root}


def _samples(folder: Path, suffix: str) -> list[Sample]:
    files = files_by_name(folder, IMAGE_SUFFIXES)
    masks = {n.removesuffix(suffix): path for n, path in files.items() if n.endswith(suffix)}
    images = {name: path for name, path in files.items() if not name.endswith(suffix)}
    return [
        sample_of_files(
            name,
            images.get(name) or resolve_inside(folder, f"{name}.jpg"),
            masks.get(name) or resolve_inside(folder, f"{name}{suffix}.png"),
        )
        for name in sorted({*images, *masks})
    ]


def _classes(root: Path, folders: Mapping[str, Path]) -> DatasetInfo:
    found = {
        folder: info
        for folder in dict.fromkeys([root, *folders.values()])
        if (info := read_voc_classes(folder, NAME)) is not None
    }
    if not found:
        raise DataError(
            f"{root}: has none of {', '.join(FILES)}, so that nothing names the classes; make "
            "classes.csv with a first line 'name,id' and a line for each class, such as 'wall,0'"
        )
    first, *others = found
    for other in others:
        if found[other] != found[first]:
            raise DataError(
                f"{root}: {first} and {other} name different classes; export them together"
            )
    return found[first]
