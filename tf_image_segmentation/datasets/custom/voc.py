"""A custom dataset in the layout of PASCAL VOC, as CVAT, Datumaro and labelme2voc write it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tf_image_segmentation.datasets.custom.files import IMAGE_SUFFIXES, image_reader
from tf_image_segmentation.datasets.decode.masks import read_mask_colors
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import list_files, read_ids, resolve_inside
from tf_image_segmentation.datasets.registry import OpenDataset, register_layout
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.split_names import DEFAULT_SPLIT, only_known, usual_names
from tf_image_segmentation.datasets.voc_labelmap import FILES, read_voc_classes
from tf_image_segmentation.errors import DataError

NAME = "voc"
IMAGES, LISTS = "JPEGImages", "ImageSets/Segmentation"
# labelme2voc of old has arrays in the first and the pictures in the second.
MASK_FOLDERS = ("SegmentationClass", "SegmentationClassPNG")

SOURCE = Source(
    home_page="docs/reference/layouts.md",
    license="that of your images",
    citation="none",
    layout="""\
JPEGImages/<id>.jpg                        images, also .png, .tif, .bmp, .gif
SegmentationClass/<id>.png                 masks of colors or of ids
labelmap.txt, class_names.txt or classes.csv
ImageSets/Segmentation/<split>.txt         ids; may be absent""",
    how_to_get="Export from CVAT as 'Segmentation mask 1.1' with images, or run labelme2voc.",
)

_LOG = logging.getLogger(__name__)


def detect(root: Path) -> str | None:
    """Says by which files a root is known to have this layout."""
    folder = _folder(root)
    named = [name for name in FILES if (folder / name).is_file()]
    if _masks(folder) is None or not named:
        return None
    return f"it has {_masks(folder).relative_to(root)} and {named[0]}"  # type: ignore[union-attr]


@register_layout(NAME, SOURCE, detect=detect)
def open_voc(root: Path) -> OpenDataset:
    """Returns the classes that `read_voc_classes` finds, and the samples of each list.

    A mask may have the colors of the classes or their ids, also as a palette. Without lists, all
    masks are the split "train"; a single list of another name than a split's is that, too.

    Raises:
        DataError: the folder is not as `SOURCE` says.
    """
    folder = _folder(root)
    masks = _masks(folder)
    if masks is None:
        raise DataError(f"{root}: has no folder {MASK_FOLDERS[0]} with .png files; check the root")
    info = read_voc_classes(folder, NAME)
    if info is None:
        raise DataError(
            f"{folder}: has none of {', '.join(FILES)}, so that nothing names the classes; write "
            "their names into class_names.txt, a line each in the order of the ids"
        )
    if info.mask_encoding in ("index", "index_with_void", "rgb"):
        info = replace(info, mask_encoding="rgb_or_index")
    images = _images(folder)
    splits = {
        split: [_sample(image_id, images, masks, info) for image_id in ids]
        for split, ids in _ids(folder, masks).items()
    }
    return OpenDataset(info, splits)


def _folder(root: Path) -> Path:
    for folder in (root, root / "VOC2012", root / "VOCdevkit/VOC2012", *root.glob("VOCdevkit/*")):
        if any((folder / name).is_dir() for name in MASK_FOLDERS):
            return folder
    return root


def _masks(folder: Path) -> Path | None:
    for name in MASK_FOLDERS:
        if (folder / name).is_dir() and next((folder / name).rglob("*.[pP][nN][gG]"), None):
            return folder / name
    return None


def _images(folder: Path) -> dict[str, str]:
    """Returns the paths of images below their folder by their paths without extension."""
    images = folder / IMAGES
    if not images.is_dir():
        raise DataError(
            f"{images}: there is no such folder; export with images (CVAT: 'Save images'), or copy "
            "them there"
        )
    found: dict[str, str] = {}
    for path in _below(images, IMAGE_SUFFIXES):
        name = path.relative_to(images)
        image_id = name.with_suffix("").as_posix()
        if image_id in found:
            raise DataError(
                f"{images}: holds {found[image_id]} and {name}, whose names differ in the "
                "extension alone; keep one"
            )
        found[image_id] = name.as_posix()
    return found


def _below(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Returns the files of a folder and its subfolders, which names of CVAT may have."""
    folders = [folder, *sorted(p for p in folder.rglob("*") if p.is_dir() and p.name[:1] != ".")]
    return [path for place in folders for path in list_files(place, suffixes)]


def _ids(folder: Path, masks: Path) -> dict[str, list[str]]:
    lists = {path.stem: _listed(path) for path in _list_paths(folder)}
    lists = usual_names({split: ids for split, ids in lists.items() if ids})
    if "trainval" in lists and {"train", "val"} & lists.keys():
        del lists["trainval"]
    lists = only_known(lists)
    there = [p.relative_to(masks).with_suffix("").as_posix() for p in _below(masks, [".png"])]
    if not lists:
        return {DEFAULT_SPLIT: there}
    listed = {image_id for ids in lists.values() for image_id in ids}
    if left_out := [name for name in there if name not in listed]:
        _LOG.warning(
            "%s: %d masks are in no list and are left out, such as %s",
            masks,
            len(left_out),
            left_out[0],
        )
    return lists


def _list_paths(folder: Path) -> list[Path]:
    lists = folder / LISTS
    return list_files(lists, [".txt"]) if lists.is_dir() else []


def _listed(path: Path) -> list[str]:
    """Returns the ids of a list, which may be in quotes and have extensions."""
    if not path.read_bytes().strip():
        return []
    ids = []
    for entry in read_ids(path):
        name = entry.strip('"')
        bare = Path(name).suffix.lower() in IMAGE_SUFFIXES
        ids.append(Path(name).with_suffix("").as_posix() if bare else name)
    return ids


def _sample(image_id: str, images: dict[str, str], masks: Path, info: DatasetInfo) -> Sample:
    image = resolve_inside(masks.parent / IMAGES, images.get(image_id, f"{image_id}.jpg"))
    mask = resolve_inside(masks, f"{image_id}.png")
    colors = (*info.palette, *info.void_colors)
    read_mask = partial(read_mask_colors, colors=colors)
    return Sample(image_id, image, mask, image_reader(image), read_mask)
