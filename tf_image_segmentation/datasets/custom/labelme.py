"""A custom dataset: files of LabelMe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from tf_image_segmentation.datasets.classes_file import (
    CLASSES_FILE,
    is_ignored,
    read_classes,
)
from tf_image_segmentation.datasets.custom.files import (
    IMAGE_SUFFIXES,
    files_by_split,
    image_reader,
    warn_of_unnamed,
)
from tf_image_segmentation.datasets.custom.labelme_shapes import (
    Annotation,
    draw_shape,
    read_annotation,
    read_embedded,
)
from tf_image_segmentation.datasets.decode.decoding import check_pixels
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import differing_in_case
from tf_image_segmentation.datasets.registry import OpenDataset, register_layout
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.split_names import only_known
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import Color

NAME = "labelme"
BACKGROUND_NAMES = ("background", "_background_")
IGNORE_LABEL = 255

SOURCE = Source(
    home_page="https://github.com/wkentaro/labelme",
    license="that of your images",
    citation="none",
    layout="""\
[<split>/]<name>.json   files of LabelMe, with the images that they name, anywhere below the root
classes.csv             column name, with a row background; may be absent
{train,val,test}.txt    a name a line, where there are no subfolders; may be absent""",
    how_to_get="Label images with LabelMe.",
)


class _Keys(msgspec.Struct, rename="camel"):
    shapes: msgspec.Raw
    image_path: msgspec.Raw


def detect(root: Path) -> str | None:
    """Says by which file a root is known to have this layout."""
    if not root.is_dir():
        return None
    for pattern in ("*.json", "*/*.json", "*/*/*.json"):
        for path in sorted(root.glob(pattern))[:5]:
            try:
                msgspec.json.decode(path.read_bytes(), type=_Keys)
            except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
                continue
            return f"{path.relative_to(root)} holds shapes of LabelMe"
    return None


@register_layout(NAME, SOURCE, detect=detect)
def open_labelme(root: Path) -> OpenDataset:
    """Returns the classes, and the samples sorted by name or in the order of a list.

    The classes are those of ``classes.csv``, in its order; without it, "background" and then all
    labels found, sorted. Ids are names of files without their extension. Shapes are drawn in the
    order of the file, later ones over earlier ones; what is under none is background, and under the
    label ``__ignore__`` ignored.

    Raises:
        DataError: the folder is not as `SOURCE` says, or has labels that ``classes.csv`` lacks.
    """
    read = {split: _read_all(root, paths) for split, paths in _paths(root).items()}
    info = _described(root, read)
    ids = _ids(info)
    splits = {
        split: [_sample(path, annotation, ids) for path, annotation in files.items()]
        for split, files in read.items()
    }
    _warn_of_unnamed([sample for samples in splits.values() for sample in samples])
    return OpenDataset(info, splits)


def _sample(path: Path, annotation: Annotation, ids: Mapping[str, int]) -> Sample:
    image = annotation.image
    read_mask = partial(read_shapes, annotation=annotation, ids=ids)
    reader = read_embedded if image == path else image_reader(image)
    return Sample(path.stem, image, path, reader, read_mask)


def _warn_of_unnamed(samples: list[Sample]) -> None:
    images = [sample.image for sample in samples if sample.image != sample.mask]
    folders = {path.parent for sample in samples for path in (sample.image, sample.mask)}
    for folder in sorted(folders):
        warn_of_unnamed(folder, IMAGE_SUFFIXES, images, "no .json file")


def read_shapes(
    path: Path, *, max_pixels: int, annotation: Annotation, ids: Mapping[str, int]
) -> np.ndarray:
    """Draws the shapes of a file of LabelMe.

    Args:
        path: the file, for messages.
        max_pixels: largest height * width that is drawn.
        annotation: what the file says.
        ids: the class id of each label.

    Returns:
        uint8 [height, width] class ids, and 255 for ignored pixels.

    Raises:
        DataError: a shape is not as it must be, or the image is too large.
    """
    check_pixels(f"{path}: its image", annotation.height, annotation.width, max_pixels)
    background = next(ids[name] for name in BACKGROUND_NAMES if name in ids)
    labels = Image.new("L", (annotation.width, annotation.height), background)
    for number, shape in enumerate(annotation.shapes):
        where = f"{path}: shape {number} ({shape.label})"
        label = IGNORE_LABEL if is_ignored(shape.label) else ids[shape.label]
        draw_shape(labels, shape, label, where)
    return np.asarray(labels)


def _described(root: Path, splits: Mapping[str, Mapping[Path, Annotation]]) -> DatasetInfo:
    """Returns the description, given what the files of each split say."""
    found = Counter(
        label
        for files in splits.values()
        for annotation in files.values()
        for label in {shape.label for shape in annotation.shapes}
    )
    info = _classes(root, sorted(found))
    known = _ids(info)
    unknown = [label for label in sorted(found) if not is_ignored(label) and label not in known]
    if unknown:
        listed = ", ".join(f"{label!r} (in {found[label]} files)" for label in unknown)
        raise DataError(
            f"{root / CLASSES_FILE}: lacks labels that files have: {listed}; add them, or correct "
            "the files"
        )
    return info


def _folder(root: Path) -> Path:
    """Returns the root, or the only folder in it whose subfolders, and nothing else, hold files."""
    if not root.is_dir() or any(root.glob("*.json")) or any(root.glob("*/*.json")):
        return root
    deeper = {path.parent.parent for path in root.glob("*/*/*.json")}
    return deeper.pop() if len(deeper) == 1 else root


def _paths(root: Path) -> dict[str, list[Path]]:
    folder = _folder(root)
    found = files_by_split(folder, {folder: (".json",)})
    missing = [i for files in found.values() for i, (path,) in files.items() if path is None]
    if missing:
        raise DataError(
            f"{root}: lists name {', '.join(missing[:20])}, for which there is no .json file; "
            "correct the lists"
        )
    paths = {split: [path for (path,) in each.values() if path] for split, each in found.items()}
    return only_known(paths)


def _read_all(root: Path, paths: list[Path]) -> dict[Path, Annotation]:
    files, errors = {}, []
    for path in paths:
        try:
            files[path] = read_annotation(path, root)
        except DataError as error:
            errors.append(str(error))
    if errors:
        raise DataError("\n  ".join([*errors[:20], *(["..."] if errors[20:] else [])]))
    return files


def _classes(root: Path, found: list[str]) -> DatasetInfo:
    path = root / CLASSES_FILE
    if not path.exists():
        _check_spelling(root, found)
        labels = [n for n in found if not is_ignored(n) and n not in BACKGROUND_NAMES]
        names = (BACKGROUND_NAMES[0], *labels)
        if len(names) > IGNORE_LABEL:
            raise DataError(f"{root}: has {len(names)} labels; there can be {IGNORE_LABEL} classes")
        return _info(names, voc_color_map(len(names)))
    info = read_classes(path, NAME)
    if not set(BACKGROUND_NAMES) & set(info.class_names):
        raise DataError(
            f"{path}: has no row {BACKGROUND_NAMES[0]!r}, the class of what is under no shape; add "
            "it, first of all"
        )
    if info.num_classes > IGNORE_LABEL:
        raise DataError(f"{path}: names {info.num_classes} classes; there can be {IGNORE_LABEL}")
    return _info(info.class_names, info.palette)


def _check_spelling(root: Path, labels: list[str]) -> None:
    """Refuses two ways to write what is most likely one class."""
    if alike := differing_in_case(labels):
        raise DataError(
            f"{root}: has the labels {alike[0]!r} and {alike[1]!r}, which differ in case alone; "
            "write it alike in all files"
        )


def _info(names: tuple[str, ...], palette: tuple[Color, ...]) -> DatasetInfo:
    # Masks are drawn here, so that 255 means one thing, however few classes there are.
    return DatasetInfo(NAME, names, palette, IGNORE_LABEL, mask_encoding="index_with_void")


def _ids(info: DatasetInfo) -> dict[str, int]:
    """Returns the class id of each label; the two names of the background mean the same."""
    ids = {name: label for label, name in enumerate(info.class_names)}
    for name in BACKGROUND_NAMES:
        if name in ids:
            return {**dict.fromkeys(BACKGROUND_NAMES, ids[name]), **ids}
    return ids
