"""Files of a custom dataset: what reads them, where they lie, and which split they are in."""

from __future__ import annotations

import logging
import os.path
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PureWindowsPath

from tf_image_segmentation.datasets.decode.nifti import read_nifti, read_nifti_mask
from tf_image_segmentation.datasets.decode.other_formats import (
    read_bmp,
    read_gif,
    read_tiff,
    read_webp,
)
from tf_image_segmentation.datasets.decode.pages import IMAGE_ENDINGS, bare_name, ending_of
from tf_image_segmentation.datasets.lists import (
    check_disjoint,
    differing_in_case,
    list_files,
    read_ids,
    resolve_inside,
)
from tf_image_segmentation.datasets.registry import LayoutOption
from tf_image_segmentation.datasets.sample import Reader, Sample
from tf_image_segmentation.datasets.split_names import DEFAULT_SPLIT
from tf_image_segmentation.errors import DataError

_OTHER_FORMATS: Mapping[str, Reader] = {
    ".tif": read_tiff,
    ".tiff": read_tiff,
    ".bmp": read_bmp,
    ".gif": read_gif,
    ".webp": read_webp,
    ".ome.tif": read_tiff,
    ".ome.tiff": read_tiff,
    ".nii": read_nifti,
    ".nii.gz": read_nifti,
}

IMAGE_SUFFIXES = IMAGE_ENDINGS
MASK_SUFFIXES = tuple(ending for ending in IMAGE_ENDINGS if ending != ".webp")
_LISTS = ("train", "val", "test")
_LOG = logging.getLogger(__name__)

MASK_SUFFIX = LayoutOption(
    "mask_suffix", "what names of masks have behind those of their images, such as _mask"
)

Files = dict[str, tuple[Path | None, ...]]
"""By id, the file in each folder; None where it is missing."""


def image_reader(path: Path) -> Reader | None:
    """Returns what reads an image, None for a JPEG or PNG."""
    return _OTHER_FORMATS.get(ending_of(path.name))


def sample_of_files(image_id: str, image: Path, mask: Path) -> Sample:
    """Returns the sample of an image and a mask, each in a format that its extension tells.

    JPEG masks are read with the mask encoding "threshold_128" only.
    """
    read_mask = image_reader(mask)
    if read_mask is read_nifti:
        read_mask = read_nifti_mask
    return Sample(image_id, image, mask, image_reader(image), read_mask)


def resolve_named(folder: Path, written: str, where: str, root: Path | None = None) -> Path:
    r"""Returns the file that is named with slashes or backslashes.

    Args:
        folder: what the path is relative to.
        written: the path, for example ``images\a.jpg``.
        where: the file that names it, and the place in there, for messages.
        root: the folder that the path may not leave; ``folder`` lies in it, or is it by default.

    A path of another machine, which is absolute or leaves the root, stands for the file below
    ``folder`` or ``root`` that its last parts name, as many as possible.

    Raises:
        DataError: the path names no file below the root, several equally well, or a link that
            leaves it.
    """
    root = folder if root is None else root
    relative = written.replace("\\", "/")
    if not written.strip():
        raise DataError(
            f"{where}: {written!r} is no path relative to {folder}; only files below {root} are "
            "read, named relative to it"
        )
    inside = os.path.normpath(folder.relative_to(root) / relative)
    try:
        if _is_foreign(written) or inside.split("/")[0] == "..":
            return _moved_here(folder, written, root)
        return resolve_inside(root, inside)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def names_in(folder: Path, written: Sequence[str]) -> list[str]:
    """Returns those of the names for which `resolve_named` finds a file in a folder."""
    found = []
    for name in written:
        try:
            if resolve_named(folder, name, "").is_file():
                found.append(name)
        except DataError:
            continue
    return found


def _is_foreign(written: str) -> bool:
    return written[0] in "/\\" or "://" in written or bool(PureWindowsPath(written).drive)


def _moved_here(folder: Path, written: str, root: Path) -> Path:
    parts = [p for p in re.split(r"[/\\]", written) if p not in ("", ".", "..")]
    for start in range(len(parts)):
        name = "/".join(parts[start:])
        places = dict.fromkeys(resolve_inside(place, name) for place in (folder, root))
        found = [path for path in places if path.is_file()]
        if len(found) > 1:
            raise DataError(
                f"{written!r} may be {found[0]} or {found[1]}; only files below {root} are read, "
                "named relative to it"
            )
        if found:
            return found[0]
    raise DataError(
        f"{written!r} would leave the folder {root}, and there is no {parts[-1] if parts else ''} "
        "in it; only files below it are read: move or copy them there, and name them by their "
        "place there"
    )


def files_by_split(root: Path, folders: Mapping[Path, Collection[str]]) -> dict[str, Files]:
    """Finds the files of each split.

    Each subfolder that holds such files is a split; or the lists ``train*.txt``, ``val*.txt`` and
    ``test*.txt`` in ``root``, in any case, with an id a line, say which files are in which split,
    and files that no list names are in none; or, where there is neither, all files are the split
    "train".

    Args:
        root: where lists lie.
        folders: one or several folders of files that belong together by name, each with the
            extensions that its files may have, in lower case.

    Returns:
        The files by split. An id is the name of a file without its extension.

    Raises:
        DataError: there are several of these ways at once, no files, an id twice, or a file that
            is a link out of its folder; folders may be links.
    """
    lists = sorted(path for path in root.glob("*.[tT][xX][tT]") if _is_list(path))
    subfolders = sorted({name for folder in folders for name in _splits(folder, folders[folder])})
    together = _files(folders)
    _check_one_way(root, lists, subfolders, together)
    _check_case(root, subfolders)
    if subfolders:
        splits = {
            name: _files({folder / name: suffixes for folder, suffixes in folders.items()})
            for name in subfolders
        }
    elif lists:
        suffixes = {suffix for each in folders.values() for suffix in each}
        splits = {path.stem: _listed(path, together, suffixes, len(folders)) for path in lists}
    else:
        splits = {DEFAULT_SPLIT: together}
    check_disjoint(splits)
    return splits


def warn_of_left_out(
    root: Path, folders: Mapping[Path, Collection[str]], ids: Mapping[str, Collection[str]]
) -> None:
    """Logs which files no list names, given the ids of each split of `files_by_split`."""
    listed = {image_id for names in ids.values() for image_id in names}
    left_out = [image_id for image_id in _files(folders) if image_id not in listed]
    _warn(root, "in none of the lists " + ", ".join(f"{split}.txt" for split in ids), left_out)


def warn_of_unnamed(
    folder: Path, suffixes: Collection[str], named: Collection[Path], by: str
) -> None:
    """Logs which files of a folder nothing names; ``by`` says what could have named them."""
    known = set(named)
    there = list_files(folder, suffixes) if folder.is_dir() else []
    left_out = [path.name for path in there if path not in known]
    _warn(folder, f"named by {by}", left_out)


def _warn(folder: Path, what: str, left_out: Sequence[str]) -> None:
    if left_out:
        shown = ", ".join(left_out[:5]) + (" ..." if left_out[5:] else "")
        _LOG.warning("%s: %d files are %s and are left out: %s", folder, len(left_out), what, shown)


def _is_list(path: Path) -> bool:
    return path.name.lower().startswith(_LISTS) and path.is_file()


def _check_case(root: Path, subfolders: Sequence[str]) -> None:
    if alike := differing_in_case(subfolders):
        raise DataError(
            f"{root}: has the subfolders {alike[0]} and {alike[1]}, whose names differ in case "
            "alone; a split has one name"
        )


def _splits(folder: Path, suffixes: Collection[str]) -> list[str]:
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder; check the dataset's root")
    below = [path for path in folder.iterdir() if path.is_dir() and path.name[:1] != "."]
    return [path.name for path in below if list_files(path, suffixes)]


def _check_one_way(
    root: Path, lists: Sequence[Path], subfolders: Sequence[str], together: Files
) -> None:
    if subfolders and (lists or together):
        other = lists[0] if lists else next(path for path in next(iter(together.values())) if path)
        raise DataError(
            f"{root}: has the subfolder {subfolders[0]} and beside it {other.relative_to(root)}; "
            "splits are either all subfolders, or lists of files that are not in subfolders"
        )
    if not subfolders and not together:
        raise DataError(f"{root}: holds no files of this dataset; check the root")


def _files(folders: Mapping[Path, Collection[str]]) -> Files:
    by_folder = [files_by_name(folder, suffixes) for folder, suffixes in folders.items()]
    ids = sorted({image_id for files in by_folder for image_id in files})
    return {image_id: tuple(files.get(image_id) for files in by_folder) for image_id in ids}


def files_by_name(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Returns the files of a folder, if it exists, by their names without extension.

    Raises:
        DataError: two names differ in the extension alone, or a file is a link out of the folder.
    """
    files: dict[str, Path] = {}
    for path in list_files(folder, suffixes) if folder.is_dir() else []:
        name = bare_name(path.name)
        if name in files:
            raise DataError(
                f"{folder}: holds {files[name].name} and {path.name}, whose names differ in "
                "the extension alone; keep one"
            )
        files[name] = resolve_inside(folder, path.name)
    return files


def _listed(path: Path, files: Files, suffixes: Collection[str], num_folders: int) -> Files:
    """Returns the files of the ids in a list, which may be written with an extension."""
    chosen: Files = {}
    for entry in read_ids(path):
        named_whole = entry.lower().endswith(tuple(suffixes)) and entry not in files
        image_id = bare_name(entry) if named_whole else entry
        if image_id in chosen:
            raise DataError(f"{path}: lists {image_id!r} twice; list each image once")
        chosen[image_id] = files.get(image_id, (None,) * num_folders)
    return chosen
