"""A custom dataset with a mask for each class of an image, as Label Studio exports brush labels."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import msgspec

from tf_image_segmentation.datasets.custom.class_mask_merging import IGNORE_LABEL, merge_masks
from tf_image_segmentation.datasets.custom.files import IMAGE_SUFFIXES, image_reader
from tf_image_segmentation.datasets.decode.decoding import read_bytes
from tf_image_segmentation.datasets.decode.pages import bare_name
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import list_files, resolve_inside
from tf_image_segmentation.datasets.registry import OpenDataset, register_layout
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.split_names import DEFAULT_SPLIT
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.datasets.voc_labelmap import BACKGROUND, plain_name, read_voc_classes
from tf_image_segmentation.errors import DataError

NAME = "class_masks"
MASK_FOLDERS = ("masks", "mask", "labels", "annotations")

SOURCE = Source(
    home_page="docs/reference/layouts.md",
    license="that of your images",
    citation="none",
    layout="""\
images/<name>.jpg                images
masks/<class>/<name>.png         masks of one class each; or masks/<name>/<class>.png, or
                                 masks/<name>_<class>.png, or task-<number>-annotation-...png of
                                 Label Studio with its JSON export beside them
classes.csv                      column name, to choose the order; may be absent""",
    how_to_get="Export from Label Studio as 'Brush labels to PNG', and as JSON.",
)

# Label Studio: the names of the control and of the label come last, then a counter.
_TASK = re.compile(r"task-(\d+)-annotation-(\d+)-by-[^-]*-[^-]+-(.+)-\d+")
_LOG = logging.getLogger(__name__)


class _Part(NamedTuple):
    image: str
    label: str
    path: Path


class _Task(msgspec.Struct):
    id: int
    data: dict[str, Any] = {}
    file_upload: str | None = None


def detect(root: Path) -> str | None:
    """Says by which file a root is known to have this layout."""
    if not root.is_dir():
        return None
    tasks = [path for path in _pngs(root) if _TASK.fullmatch(path.stem)]
    if tasks:
        return f"{tasks[0].relative_to(root)} is a mask of Label Studio's brush"
    images = {bare_name(path.name) for path in _images(root)}
    folder = _mask_folder(root)
    if folder is None or not images:
        return None
    parts = _named_parts(folder, images)
    if not parts:
        return None
    if len({part.label for part in parts}) < 2 and parts[0].path.parent == folder:
        return None  # one mask for each image
    return f"{parts[0].path.relative_to(root)} is a mask of one class"


@register_layout(NAME, SOURCE, detect=detect)
def open_class_masks(root: Path) -> OpenDataset:
    """Returns "background" and the classes that masks are named by, and the samples by name.

    Masks of an image are merged by `merge_masks`. Images without masks are background.

    Raises:
        DataError: the folder is not as `SOURCE` says.
    """
    images = {bare_name(path.name): path for path in _images(root)}
    if not images:
        raise DataError(
            f"{root}: holds no images; copy those that the masks belong to into {root / 'images'}"
        )
    tasks = [path for path in _pngs(root) if _TASK.fullmatch(path.stem)]
    folder = _mask_folder(root)
    parts = _task_parts(root, tasks, images) if tasks else []
    if not parts and folder is not None:
        parts = _named_parts(folder, images)
    if not parts:
        raise DataError(f"{root}: no mask has the name of an image and of a class; see the layout")
    info = _info(root, [part.label for part in parts])
    ids = {name: number for number, name in enumerate(info.class_names)}
    masks: dict[str, list[tuple[Path, int]]] = defaultdict(list)
    for part in parts:
        masks[part.image].append((part.path, ids[plain_name(part.label)]))
    samples = [_sample(name, path, masks[name]) for name, path in sorted(images.items())]
    return OpenDataset(info, {DEFAULT_SPLIT: samples})


def _sample(name: str, image: Path, masks: Sequence[tuple[Path, int]]) -> Sample:
    paths = [path for path, _ in masks] or [image]
    read_mask = partial(merge_masks, parts=tuple(masks), image=image)
    return Sample(name, image, paths[0], image_reader(image), read_mask, tuple(paths[1:]))


def _info(root: Path, labels: Sequence[str]) -> DatasetInfo:
    found = sorted({plain_name(label) for label in labels} - {BACKGROUND})
    named = read_voc_classes(root, NAME)
    names = (BACKGROUND, *found) if named is None else named.class_names
    if unknown := [label for label in found if label not in names]:
        raise DataError(f"{root}: the classes lack {', '.join(unknown)}, which masks are named by")
    if not 2 <= len(names) <= IGNORE_LABEL:
        raise DataError(f"{root}: has {len(names)} classes; there can be 2 to {IGNORE_LABEL}")
    palette = voc_color_map(len(names)) if named is None else named.palette
    return DatasetInfo(NAME, names, palette, IGNORE_LABEL, mask_encoding="index_with_void")


def _images(root: Path) -> list[Path]:
    """Returns the images: those in ``images``, or else those in the root that are no masks."""
    for folder in (root / "images", root / "img", root):
        found = list_files(folder, IMAGE_SUFFIXES) if folder.is_dir() else []
        found = [resolve_inside(root, str(p.relative_to(root))) for p in found]
        if found := [path for path in found if not _TASK.fullmatch(path.stem)]:
            return found
    return []


def _pngs(root: Path) -> list[Path]:
    below = sorted(p for p in root.glob("*") if p.is_dir() and p.name[:1] != ".")
    return [path for folder in (root, *below) for path in list_files(folder, [".png"])]


def _mask_folder(root: Path) -> Path | None:
    beside = [root] if (root / "images").is_dir() and list_files(root, [".png"]) else []
    folders = [root / name for name in MASK_FOLDERS if (root / name).is_dir()]
    return next(iter([*folders, *beside]), None)


def _named_parts(folder: Path, images: Iterable[str]) -> list[_Part]:
    """Returns the masks whose path says image and class, in any of the three ways."""
    names = set(images)
    parts = []
    below = sorted(p for p in folder.iterdir() if p.is_dir() and p.name[:1] != ".")
    for path in [p for place in (folder, *below) for p in list_files(place, [".png"])]:
        checked = resolve_inside(folder, str(path.relative_to(folder)))
        if path.parent == folder:
            if path.stem in names:  # 10.png is the mask of 10 and not class 0 of 1
                continue
            starts = [i for i in range(len(path.stem) - 1, 0, -1) if path.stem[:i] in names]
            label = path.stem[starts[0] :].lstrip("_- .") if starts else ""
            parts += [_Part(path.stem[: starts[0]], label, checked)] if label else []
        elif path.stem in names:
            parts.append(_Part(path.stem, path.parent.name, checked))
        elif path.parent.name in names:
            parts.append(_Part(path.parent.name, path.stem, checked))
    return parts


def _task_parts(root: Path, masks: Sequence[Path], images: Mapping[str, Path]) -> list[_Part]:
    """Returns the masks of Label Studio; of each task those of the newest annotation."""
    found = [(match, path) for path in masks if (match := _TASK.fullmatch(path.stem))]
    newest: dict[int, int] = {}
    for match, _ in found:
        task = int(match[1])
        newest[task] = max(newest.get(task, 0), int(match[2]))
    chosen = [(m, path) for m, path in found if int(m[2]) == newest[int(m[1])]]
    if len(chosen) < len(found):
        _LOG.warning("%s: %d masks are of older annotations", root, len(found) - len(chosen))
    named = _image_of_task(root, sorted(newest), images)
    return [
        _Part(named[int(match[1])], match[3], resolve_inside(root, str(path.relative_to(root))))
        for match, path in chosen
    ]


def _image_of_task(root: Path, tasks: Sequence[int], images: Mapping[str, Path]) -> dict[int, str]:
    """Returns the name of the image of each task, by the JSON export or by names with a number."""
    exported = {
        number: name for path in list_files(root, [".json"]) for number, name in _tasks(path)
    }
    by_number = {int(m[1]): n for n in images if (m := re.fullmatch(r"(?:task[-_]?)?0*(\d+)", n))}
    named: dict[int, str] = {}
    for task in tasks:
        name = bare_name(exported[task]) if task in exported else by_number.get(task, "")
        if name not in images:
            raise DataError(
                f"{root}: which image task {task} is of is not known"
                + (f" (there is no {exported[task]})" if task in exported else "")
                + "; export the project as JSON too and put that file here, or name images by task"
            )
        named[task] = name
    return named


def _tasks(path: Path) -> list[tuple[int, str]]:
    """Returns the number and the image's file name of each task in a JSON export."""
    try:
        tasks = msgspec.json.decode(read_bytes(path), type=list[_Task])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []
    named = []
    for task in tasks:
        texts = [task.file_upload, *(v for v in task.data.values() if isinstance(v, str))]
        ending = (PureWindowsPath(text).name for text in texts if text)
        name = next((n for n in ending if n.lower().endswith(IMAGE_SUFFIXES)), None)
        named += [(task.id, name)] if name else []
    return named
