"""A custom dataset: pairs of image and mask, a line each in a CSV file."""

from __future__ import annotations

import re
from pathlib import Path

from tf_image_segmentation.datasets.classes_file import CLASSES_FILE, read_classes
from tf_image_segmentation.datasets.csv_tables import Row, read_table
from tf_image_segmentation.datasets.custom.files import resolve_named, sample_of_files
from tf_image_segmentation.datasets.decode.pages import bare_name
from tf_image_segmentation.datasets.registry import OpenDataset, register_layout
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.split_names import DEFAULT_SPLIT
from tf_image_segmentation.errors import DataError

NAME = "csv"
LIST_FILE = "dataset.csv"

SOURCE = Source(
    home_page="docs/reference/layouts.md",
    license="that of your images",
    citation="none",
    layout="""\
dataset.csv   columns image, mask and, if wanted, split and id; the root may be this file itself,
              under any name
classes.csv   beside it: columns name and, if wanted, id and color""",
    how_to_get="Write a line for each pair, with paths relative to the CSV file.",
)


def detect(root: Path) -> str | None:
    """Says by which file a root is known to have this layout."""
    path = root / LIST_FILE if root.is_dir() else root
    return f"it has {path.name}" if path.suffix == ".csv" and path.is_file() else None


@register_layout(NAME, SOURCE, detect=detect)
def open_list(root: Path) -> OpenDataset:
    """Returns the classes of ``classes.csv``, and the samples in the order of the lines.

    Ids are those of the column ``id``, or the paths of the images without extensions.

    Args:
        root: a CSV file, or a folder that holds ``dataset.csv``.

    Raises:
        DataError: one of the two files is missing or not as `SOURCE` says.
    """
    path = _list_file(root)
    info = read_classes(path.parent / CLASSES_FILE, NAME)
    return OpenDataset(info, _splits(path))


def _list_file(root: Path) -> Path:
    path = root / LIST_FILE if root.is_dir() else root
    if not path.is_file():
        raise DataError(
            f"{path}: missing; make it, with a first line 'image,mask,split' and a line for each "
            "pair, or give the CSV file itself as the root"
        )
    return path


def _splits(path: Path) -> dict[str, list[Sample]]:
    splits: dict[str, list[Sample]] = {}
    images: dict[str, int] = {}
    ids: dict[str, int] = {}
    for row in read_table(path, ("image", "mask")):
        sample = _sample(path, row)
        _check_new(path, images, str(sample.image), row, f"the image {row.fields['image']!r}")
        _check_new(path, ids, sample.image_id, row, f"the id {sample.image_id!r}")
        splits.setdefault(_split(path, row), []).append(sample)
    return splits


def _sample(path: Path, row: Row) -> Sample:
    image, mask = (
        resolve_named(path.parent, row.fields[column], f"{path}: line {row.line}")
        for column in ("image", "mask")
    )
    if image == mask:
        raise DataError(f"{path}: line {row.line} names the same file as image and mask")
    image_id = row.fields.get("id") or bare_name(image.relative_to(path.parent).as_posix())
    return sample_of_files(image_id, image, mask)


def _split(path: Path, row: Row) -> str:
    split = row.fields.get("split", DEFAULT_SPLIT)
    # Names of record files begin with it.
    if not re.fullmatch(r"\w[\w-]*", split):
        raise DataError(
            f"{path}: line {row.line} has the split {split!r}; name it with letters, digits and _, "
            "for example 'train' or 'val'"
        )
    return split


def _check_new(path: Path, lines: dict[str, int], name: str, row: Row, what: str) -> None:
    if name in lines:
        raise DataError(
            f"{path}: {what} is in line {lines[name]} and again in line {row.line}; keep one"
        )
    lines[name] = row.line
