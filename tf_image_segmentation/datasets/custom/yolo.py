"""A custom dataset of YOLO segmentation: a text file of outlines for each image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from tf_image_segmentation.datasets.custom.coco_boxes import BOXES
from tf_image_segmentation.datasets.custom.coco_masks import check_installed
from tf_image_segmentation.datasets.custom.files import IMAGE_SUFFIXES, image_reader
from tf_image_segmentation.datasets.custom.run_lengths import IGNORE_LABEL
from tf_image_segmentation.datasets.custom.yolo_outlines import read_outlines
from tf_image_segmentation.datasets.decode.decoding import read_bytes
from tf_image_segmentation.datasets.decode.pages import bare_name
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import list_files, read_ids, resolve_inside
from tf_image_segmentation.datasets.registry import OpenDataset, register_layout
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.split_names import DEFAULT_SPLIT, only_known
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.datasets.voc_labelmap import BACKGROUND, plain_name
from tf_image_segmentation.errors import DataError

NAME = "yolo"
IMAGES, LABELS = "images", "labels"
NAME_FILES = ("classes.txt", "obj.names")
_MOST_BYTES = 10**6

SOURCE = Source(
    home_page="docs/reference/layouts.md",
    license="that of your images",
    citation="none",
    layout="""\
data.yaml or classes.txt                            names of the classes
<split>/images/<name>, <split>/labels/<name>.txt    or images/<split>, labels/<split>; or no splits;
                                                    or images and text files side by side""",
    how_to_get="Export as YOLO segmentation (YOLOv5, v8, v11 with polygons).",
)


def detect(root: Path) -> str | None:
    """Says by which files a root is known to have this layout."""
    named = _yaml(root) or next((root / n for n in NAME_FILES if (root / n).is_file()), None)
    if named is None or not root.is_dir():
        return None
    for _, labels in _folders(root).values():
        for path in list_files(labels, [".txt"])[:20]:
            if path.name not in NAME_FILES and _looks_right(path):
                return f"it has {named.name} and outlines such as {path.relative_to(root)}"
    return None


def _looks_right(path: Path) -> bool:
    words = path.read_bytes()[:4096].split(b"\n")[0].split()
    try:
        return len(words) >= 5 and words[0].isdigit() and all(map(math.isfinite, map(float, words)))
    except ValueError:
        return False


@register_layout(NAME, SOURCE, detect=detect, options=(BOXES,))
def open_yolo(root: Path, boxes: str | None = None) -> OpenDataset:
    """Returns "background" and the named classes, and the samples sorted by name.

    A line of a text file is a class number and x and y in turn, as shares of width and height; one
    of four numbers is a box. Larger outlines are drawn first. Images without a file are background.

    Args:
        root: the folder.
        boxes: what boxes become: all of them (fill), ignored pixels (ignore) or nothing (drop).

    Raises:
        DataError: the folder is not as `SOURCE` says, or pycocotools is not installed.
    """
    names = [plain_name(name) for name in _names(root)]
    classes = tuple(dict.fromkeys([BACKGROUND, *names]))
    if len(classes) > IGNORE_LABEL:
        raise DataError(f"{root}: has {len(classes)} classes; there can be {IGNORE_LABEL}")
    ids = [classes.index(name) for name in names]
    splits = {
        split: list(_samples(images, labels, ids, boxes))
        for split, (images, labels) in _folders(root).items()
    }
    splits = only_known({split: samples for split, samples in splits.items() if samples})
    if not splits:
        raise DataError(f"{root}: holds no images where {NAME} has them; check the root")
    check_installed()
    colors = voc_color_map(len(classes))
    info = DatasetInfo(NAME, classes, colors, IGNORE_LABEL, mask_encoding="index_with_void")
    return OpenDataset(info, splits)


def _yaml(root: Path) -> Path | None:
    found = list_files(root, [".yaml", ".yml"]) if root.is_dir() else []
    named = [path for path in found if path.stem == "data"] or found
    return named[0] if named else None


def _names(root: Path) -> list[str]:
    path = _yaml(root)
    if path is not None:
        return _names_in_yaml(path)
    for name in NAME_FILES:
        if (root / name).is_file():
            return read_ids(root / name)
    raise DataError(
        f"{root}: has neither data.yaml nor {NAME_FILES[0]}, so that nothing names the classes; "
        f"write {NAME_FILES[0]} with a name a line, in the order of their numbers"
    )


def _names_in_yaml(path: Path) -> list[str]:
    try:
        content = yaml.safe_load(read_bytes(path, _MOST_BYTES))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no YAML ({str(error)[:200]}); export it again") from error
    names: Any = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(n, str | int) for n in names):
        raise DataError(f"{path}: has no list 'names'; write one name for each class number")
    return [str(name).strip() for name in names]


def _folders(root: Path) -> dict[str, tuple[Path, Path]]:
    """Returns the folder of images and that of text files of each split."""
    below = sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    nested = {p.name: (p / IMAGES, p / LABELS) for p in below if (p / IMAGES).is_dir()}
    if nested:
        return {split: pair for split, pair in nested.items() if pair[1].is_dir()}
    if (root / IMAGES).is_dir() and (root / LABELS).is_dir():
        subfolders = sorted(p.name for p in (root / IMAGES).iterdir() if p.is_dir())
        both = [name for name in subfolders if (root / LABELS / name).is_dir()]
        if both:
            return {name: (root / IMAGES / name, root / LABELS / name) for name in both}
        return {DEFAULT_SPLIT: (root / IMAGES, root / LABELS)}
    beside = [p for p in below if list_files(p, [".txt"]) and list_files(p, IMAGE_SUFFIXES)]
    return {p.name: (p, p) for p in beside} or {DEFAULT_SPLIT: (root, root)}


def _samples(images: Path, labels: Path, ids: Sequence[int], boxes: str | None) -> Iterator[Sample]:
    for image in list_files(images, IMAGE_SUFFIXES) if images.is_dir() else []:
        name = bare_name(image.name)
        text = resolve_inside(labels, f"{name}.txt")
        mask = text if text.is_file() else image
        read_mask = partial(
            read_outlines, image=resolve_inside(images, image.name), ids=ids, boxes=boxes
        )
        yield Sample(name, image, mask, image_reader(image), read_mask)
