"""Which images are predicted, what else lies beside them, and where results go."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tf_image_segmentation.datasets.decode.pages import (
    IMAGE_ENDINGS,
    bare_name,
    count_pages,
    ending_of,
)
from tf_image_segmentation.datasets.stacks import page_id
from tf_image_segmentation.errors import DataError

_SHOWN = 10


@dataclass(frozen=True)
class Job:
    """A picture and where its results go.

    Attributes:
        image: the file.
        output: of the results, which are named by this and an ending: ``OUT/sub/scan_0003``.
        page: which of several pictures of the file it is, from 0; None for the only one.
        pages: how many pictures the file holds.
    """

    image: Path
    output: Path
    page: int | None = None
    pages: int = 1

    def path(self, ending: str) -> Path:
        """Returns the file of results with this ending."""
        return self.output.with_name(self.output.name + ending)

    @property
    def stack_output(self) -> Path:
        """As ``output``, for results of all pictures of the file together."""
        return self.output.with_name(bare_name(self.image.name))


class Listing(NamedTuple):
    """What a folder holds.

    Attributes:
        images: files that are taken for images by their names, sorted.
        others: further files, sorted.
        folders: subfolders that were not entered, links among them.
    """

    images: list[Path]
    others: list[Path]
    folders: list[Path]


def list_folder(folder: Path, recursive: bool = False) -> Listing:
    """Lists a folder, and with ``recursive`` those below it; links to folders are not followed."""
    found = Listing([], [], [])
    for place, folders, files in os.walk(folder):
        below = Path(place)
        for name in files:
            is_image = name.lower().endswith(IMAGE_ENDINGS) and not name.startswith(".")
            (found.images if is_image else found.others).append(below / name)
        found.folders.extend(
            below / name for name in folders if not recursive or (below / name).is_symlink()
        )
        if not recursive:
            break
    return Listing(*map(sorted, found))


def left_out(paths: Sequence[Path], recursive: bool = False) -> list[str]:
    """Returns a line for each folder that holds more than images: what, and how much of it."""
    lines = []
    for path in paths:
        if not path.is_dir():
            continue
        listing = list_folder(path, recursive)
        if listing.others:
            kinds = Counter(ending_of(file.name) or "no ending" for file in listing.others)
            counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
            lines.append(
                f"{path}: {len(listing.others)} files are no images and were left out ({counted}): "
                f"{_named(listing.others, path)}"
            )
        if listing.folders:
            hint = "links are not followed" if recursive else "--recursive reads them"
            lines.append(
                f"{path}: {len(listing.folders)} folders were not read ({hint}): "
                f"{_named(listing.folders, path)}"
            )
    return lines


def _named(paths: Sequence[Path], folder: Path) -> str:
    names = [str(path.relative_to(folder)) for path in paths]
    more = f" and {len(names) - _SHOWN} more" if names[_SHOWN:] else ""
    return ", ".join(names[:_SHOWN]) + more


def list_jobs(
    paths: Sequence[Path], output_dir: Path, recursive: bool = False, all_pages: bool = False
) -> list[Job]:
    """Returns a job for each picture of files and folders.

    Args:
        paths: files and folders.
        output_dir: where results go; those of subfolders go to subfolders.
        recursive: whether folders are read with their subfolders.
        all_pages: whether each picture of a stack is a job; otherwise reading it will fail.

    Raises:
        DataError: a file is missing, a folder holds no images, results would lie between the
            images, or two images have one name; all such files are listed.
    """
    found = dict.fromkeys(
        (image, output_dir / folder)
        for path in paths
        for image, folder in _images_of(path, output_dir, recursive)
    )
    if missing := [str(image) for image, _ in found if not image.is_file()]:
        raise DataError(f"missing: {', '.join(missing)}; check the paths")
    jobs = [job for image, folder in found for job in _jobs_of(image, folder, all_pages=all_pages)]
    by_output: dict[Path, list[str]] = {}
    for job in jobs:
        by_output.setdefault(job.output, []).append(str(job.image))
    if clashes := [" and ".join(names) for names in by_output.values() if len(names) > 1]:
        raise DataError(
            f"{output_dir}: one name for several images: {'; '.join(clashes)}; predict them into "
            "different folders"
        )
    return jobs


def _images_of(path: Path, output_dir: Path, recursive: bool) -> Iterator[tuple[Path, Path]]:
    """Yields images, and the subfolder that each lies in."""
    if not path.is_dir():
        yield path, Path()
        return
    results, images = output_dir.resolve(), path.resolve()
    if results == images or (recursive and results.is_relative_to(images)):
        raise DataError(f"{path}: results would be taken for images; use another --output-dir")
    listing = list_folder(path, recursive)
    if not listing.images:
        deeper = "" if recursive or not listing.folders else "; --recursive reads its subfolders"
        raise DataError(f"{path}: holds no images ({' '.join(IMAGE_ENDINGS)}){deeper}")
    for image in listing.images:
        yield image, image.parent.relative_to(path)


def _jobs_of(image: Path, folder: Path, all_pages: bool) -> list[Job]:
    name = bare_name(image.name)
    pages = _pages_of(image) if all_pages else 1
    if pages == 1:
        return [Job(image, folder / name)]
    return [Job(image, folder / page_id(name, page), page, pages) for page in range(pages)]


def _pages_of(image: Path) -> int:
    try:
        return count_pages(image)
    except DataError:
        return 1  # what is wrong with it is said where it is read
