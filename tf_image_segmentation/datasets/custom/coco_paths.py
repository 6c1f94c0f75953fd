"""Where a dataset in the format of COCO has its files of annotations, and where their images."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tf_image_segmentation.datasets.custom.files import names_in
from tf_image_segmentation.datasets.lists import list_files
from tf_image_segmentation.datasets.split_names import only_known
from tf_image_segmentation.errors import DataError

ANNOTATIONS = "annotations"
_INSTANCES = "instances_"
_IMAGE_FOLDERS = ("images", "data", "img")
_MOST_FILES = 50  # of annotations in one folder
_MOST_COMPARED = 200  # file names that decide between folders
_LOG = logging.getLogger(__name__)


class _Keys(msgspec.Struct):
    images: msgspec.Raw
    annotations: msgspec.Raw
    categories: msgspec.Raw


def is_coco(path: Path) -> bool:
    """Says whether a file is JSON with the keys of COCO annotations of the kind "instances"."""
    try:
        msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"), type=_Keys)
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return False
    return True


def annotation_files(root: Path) -> dict[str, Path]:
    """Returns the file of annotations of each split.

    They are the files in ``annotations``, or else in the root, or else in its subfolders, which are
    splits then. Of these, those called ``instances_*`` are taken if there are any, and else those
    that are COCO annotations. A single file is "train", unless it has the name of another split.

    Args:
        root: the dataset's folder, or one file.

    Raises:
        DataError: there is no such file, or two are of one split.
    """
    if root.is_file():
        return only_known({_split_name(root): root})
    for folder in (root / ANNOTATIONS, root):
        if paths := _chosen(folder):
            return only_known(_by_split([(_split_name(path), path) for path in paths]))
    nested = [
        (folder.name, path)
        for folder in sorted(root.iterdir() if root.is_dir() else [])
        if folder.is_dir() and folder.name[:1] != "."
        for path in _chosen(folder, sniff=True) or _chosen(folder / ANNOTATIONS, sniff=True)
    ]
    if not nested:
        raise DataError(
            f"{root}: holds no .json files of annotations, neither in {ANNOTATIONS}/ nor in itself "
            "or its subfolders; export annotations to there"
        )
    return only_known(_by_split(nested))


def _chosen(folder: Path, sniff: bool = False) -> list[Path]:
    paths = list_files(folder, [".json"]) if folder.is_dir() else []
    chosen = [path for path in paths if path.name.startswith(_INSTANCES)]
    if len(paths) > _MOST_FILES and not chosen:
        return []  # a file for each image, as LabelMe writes them
    if not chosen and (sniff or len(paths) > 1 or folder.name != ANNOTATIONS):
        chosen = [path for path in paths if is_coco(path)]
    # What is damaged shall be found when it is read, not be left out.
    chosen = chosen or ([] if sniff else paths)
    if chosen and (others := [path.name for path in paths if path not in chosen]):
        _LOG.warning("%s: %s are left out", folder, ", ".join(others[:10]))
    return chosen


def _by_split(found: Sequence[tuple[str, Path]]) -> dict[str, Path]:
    splits: dict[str, Path] = {}
    for split, path in found:
        if split in splits:
            raise DataError(
                f"{path.parent}: {splits[split].name} and {path.name} are both of the split "
                f"{split}; keep one"
            )
        splits[split] = path
    return splits


def _split_name(path: Path) -> str:
    return re.sub(r"(?<=[^\W\d_])_?20\d\d$", "", path.stem.removeprefix(_INSTANCES))


def image_folder(root: Path, split: str, path: Path, file_names: Sequence[str]) -> Path:
    """Returns the folder that holds most of the images that a file of annotations names.

    Args:
        root: the dataset's folder, or the file.
        split: of the file.
        path: of the file.
        file_names: of its images.

    Raises:
        DataError: none of the folders that they may be in exists.
    """
    names = dict.fromkeys([path.stem.removeprefix(_INSTANCES), split])
    base = path.parent.parent if path.parent.name == ANNOTATIONS else path.parent
    folders = [
        *(base / name for name in names),
        *(base / "images" / name for name in names),
        *(base / name for name in _IMAGE_FOLDERS),
    ]
    top = root if root.is_dir() else base
    elsewhere = [base, top / "images" / split, *(top / name for name in _IMAGE_FOLDERS), top]
    compared = file_names[:_MOST_COMPARED]
    there = [folder for folder in (*folders, *elsewhere) if folder.is_dir()]
    counts = [len(names_in(folder, compared)) for folder in there]
    if any(counts):
        return there[counts.index(max(counts))]
    if existing := [folder for folder in folders if folder.is_dir()]:
        return existing[0]
    raise DataError(
        f"{root}: has no folder of the images of {path.name}; it may be "
        f"{', '.join(str(folder.relative_to(base)) for folder in folders)}"
    )
