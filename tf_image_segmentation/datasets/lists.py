"""Lists of ids, folders of files, and paths that lists name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError

_SHOWN = 20  # names that a message lists


def _shorten(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields the number and the stripped text of each line that is not blank."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(
            f"{path}: the list cannot be read ({error.strerror}); check the dataset's folder"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: the list is not UTF-8 text ({error}); save it as UTF-8"
        ) from error
    # Not splitlines(), which also breaks at characters that a file name may hold.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.strip()


def _check_new(seen: dict[str, int], name: str, path: Path, number: int) -> None:
    if name in seen:
        raise DataError(
            f"{path}: {name!r} is in line {seen[name]} and again in line {number}; "
            "list each image once"
        )
    seen[name] = number


def read_ids(path: str | Path) -> list[str]:
    """Reads a list of one id a line, in its order.

    UTF-8 with or without a byte order mark; Windows line ends and blank lines are fine.

    Raises:
        DataError: if the file cannot be read, lists nothing, or lists an id twice.
    """
    path = Path(path)
    seen: dict[str, int] = {}
    for number, line in _numbered_lines(path):
        _check_new(seen, line, path, number)
    if not seen:
        raise DataError(f"{path}: lists no ids; copy or download the list again")
    return list(seen)


def read_pairs(path: str | Path) -> list[tuple[str, str]]:
    """Reads a list of one "image mask" pair a line, in its order; see `read_ids`.

    The two are divided by a tab or a space. Names with spaces are understood if both have
    the same number of spaces, as an image and a mask of the same name have.

    Raises:
        DataError: as `read_ids`, or if a line is not a pair.
    """
    path = Path(path)
    seen: dict[str, int] = {}
    pairs = []
    for number, line in _numbered_lines(path):
        fields = line.split("\t") if "\t" in line else line.split(" ")
        if len(fields) % 2:
            raise DataError(f"{path}: line {number} is not an image and a mask: {line!r}")
        half = len(fields) // 2
        image, mask = " ".join(fields[:half]).strip(), " ".join(fields[half:]).strip()
        _check_new(seen, image, path, number)
        pairs.append((image, mask))
    if not pairs:
        raise DataError(f"{path}: lists no pairs; copy or download the list again")
    return pairs


def resolve_inside(folder: Path, relative: str) -> Path:
    """Returns ``folder / relative``, if that lies in ``folder`` once links are followed.

    The folder itself may be a symbolic link.

    Raises:
        DataError: if ``relative`` is absolute, holds ``..``, or is a link that leaves the folder.
    """
    parts = Path(relative)
    if parts.is_absolute() or ".." in parts.parts or "\0" in relative:
        raise DataError(
            f"{relative!r} would leave the folder {folder}; name files relative to it, without "
            "'..', in the lists there, or remove a list whose folders can be paired by name"
        )
    path = folder
    for name in parts.parts:
        path = path / name
        # Following links is slow for long lists, and few files are links.
        if path.is_symlink() and not _leads_into(path, folder):
            raise DataError(
                f"{path}: is a link that leaves the folder {folder}; copy the file there instead"
            )
    return path


def _leads_into(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def find_root(root: Path, marker: str, below: Iterable[str]) -> Path:
    """Returns the first of ``root`` and the folders ``below`` it that holds ``marker``.

    Raises:
        DataError: if none does.
    """
    for folder in (root, *(root / name for name in below)):
        if (folder / marker).exists():
            return folder
    raise DataError(f"{root}: has no {marker}; give the folder that holds it")


def list_files(folder: str | Path, suffixes: Iterable[str]) -> list[Path]:
    """Returns the files of ``folder`` with one of the ``suffixes`` (any case), sorted by name.

    What systems leave behind (.DS_Store, ._name, Thumbs.db) is passed over.

    Raises:
        DataError: if there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder; check the dataset's root")
    wanted = tuple(suffix.lower() for suffix in suffixes)
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.lower().endswith(wanted) and not path.name.startswith(".") and path.is_file()
    )


def list_images(path: str | Path) -> list[Path]:
    """Returns the JPEG and PNG files of a folder, see `list_files`; of a file, the file itself."""
    path = Path(path)
    return list_files(path, (".jpg", ".jpeg", ".png")) if path.is_dir() else [path]


def paired_files(
    images: Path, masks: Path, *, image_end: str = ".jpg", mask_end: str = ".png"
) -> list[tuple[str, Path, Path]]:
    """Pairs the files of two folders by what their names have before an ending.

    A file without its partner gets the path that the partner would have, so that `missing_files`
    reports it. Files with other endings are passed over.

    Args:
        images: folder of the images.
        masks: folder of the masks.
        image_end: what the names of images end in, in lower or upper case: the extension and what
            is before it.
        mask_end: what the names of masks end in.

    Returns:
        ``(name without its end, image, mask)``, sorted by name.

    Raises:
        DataError: if there is no such folder, two files differ in the case of their ending only,
            or a file is a link that leaves the folder.
    """
    named_images, named_masks = _named(images, image_end), _named(masks, mask_end)
    return [
        (
            name,
            resolve_inside(images, named_images.get(name, name + image_end)),
            resolve_inside(masks, named_masks.get(name, name + mask_end)),
        )
        for name in sorted({*named_images, *named_masks})
    ]


def _named(folder: Path, end: str) -> dict[str, str]:
    """Returns the names of files that end in ``end``, in any case, by what they have before it."""
    found: dict[str, str] = {}
    for path in list_files(folder, [Path(f"name{end}").suffix]):
        name = path.name[: -len(end)]
        if not name or not path.name.lower().endswith(end.lower()):
            continue
        if name in found:
            raise DataError(
                f"{folder}: holds both {found[name]} and {path.name}; remove one of them"
            )
        found[name] = path.name
    return found


def paired_splits(
    folders: Mapping[str, tuple[Path, Path]], split: str, *, image_end: str, mask_end: str
) -> list[tuple[str, Path, Path]]:
    """Pairs the files of one split, and refuses names that another split has as well.

    Args:
        folders: of each split, the folder of its images and that of its masks. Other splits than
            the wanted one may be absent.
        split: the wanted one.
        image_end: see `paired_files`.
        mask_end: see `paired_files`.

    Raises:
        DataError: as `paired_files`, or if a name is in two splits.
    """
    pairs = {
        name: paired_files(images, masks, image_end=image_end, mask_end=mask_end)
        for name, (images, masks) in folders.items()
        if name == split or (images.is_dir() and masks.is_dir())
    }
    check_disjoint({name: [pair[0] for pair in found] for name, found in pairs.items()})
    return pairs[split]


def check_disjoint(splits: Mapping[str, Iterable[str]]) -> None:
    """Raises a `DataError` that names the ids if any is in two splits, or in one of them twice."""
    seen: dict[str, str] = {}
    repeated = []
    for split, ids in splits.items():
        for image_id in ids:
            if image_id in seen:
                repeated.append(f"{image_id} (in {seen[image_id]} and {split})")
            seen[image_id] = split
    if repeated:
        raise DataError(
            f"{len(repeated)} ids are listed twice: {_shorten(repeated)}; keep each in one split, "
            "and give different images different names"
        )


def check_ids(splits: Mapping[str, Iterable[Sample]]) -> None:
    """Raises a `DataError` if an id is no text, or occurs twice (see `check_disjoint`)."""
    ids = {split: [sample.image_id for sample in samples] for split, samples in splits.items()}
    for image_id in (image_id for listed in ids.values() for image_id in listed):
        try:
            image_id.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{image_id!r}: the name is not valid UTF-8; rename the file"
            ) from error
    check_disjoint(ids)


def differing_in_case(names: Iterable[str]) -> tuple[str, str] | None:
    """Returns the first two names that differ in case alone, None if there are none."""
    spellings: dict[str, str] = {}
    for name in names:
        other = spellings.setdefault(name.casefold(), name)
        if other != name:
            return other, name
    return None


def missing_files(samples: Iterable[Sample]) -> dict[str, str]:
    """Returns which files are missing, by image id; samples that have all are left out."""
    missing = {}
    for sample in samples:
        paths = dict.fromkeys((sample.image, sample.mask, *sample.extra_files))
        absent = [str(path) for path in paths if not path.is_file()]
        if absent:
            missing[sample.image_id] = ", ".join(f"{path}: missing" for path in absent)
    return missing
