"""A custom dataset in the format of COCO: polygons and run lengths in JSON files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tf_image_segmentation.datasets.custom.coco_file import CocoFile, read_coco
from tf_image_segmentation.datasets.custom.coco_masks import (
    IGNORE_LABEL,
    check_installed,
    read_regions,
)
from tf_image_segmentation.datasets.custom.files import (
    IMAGE_SUFFIXES,
    image_reader,
    resolve_named,
    warn_of_unnamed,
)
from tf_image_segmentation.datasets.decode.pages import bare_name
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import list_files
from tf_image_segmentation.datasets.registry import OpenDataset, register_layout
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.errors import DataError

NAME = "coco"
BACKGROUND = "background"

SOURCE = Source(
    home_page="https://cocodataset.org",
    license="that of your images",
    citation="Lin et al., Microsoft COCO: Common objects in context, ECCV 2014, for the format",
    layout="""\
annotations/[instances_]<split>.json          of the kind "instances"; train2017 is the split train
{<split>,images/<split>,images}/<file_name>   images, in the first of these folders that exists""",
    how_to_get="Export from an annotation tool as COCO.",
)

_OTHER_KINDS = ("captions_", "image_info_", "panoptic_", "person_keypoints_", "stuff_")


@register_layout(NAME, SOURCE)
def open_coco(root: Path) -> OpenDataset:
    """Returns "background" and the categories in the order of their ids, and the samples.

    A category that is called "background" is class 0 itself. Samples are in the order of the file,
    images without annotations included; ids are file names without extensions. See `read_regions`
    for what lies over what.

    Raises:
        DataError: the folder is not as `SOURCE` says, its files differ in their categories, or
            polygons are to be drawn and pycocotools is not installed.
    """
    paths = _paths(root)
    files = {split: read_coco(path) for split, path in paths.items()}
    info = _info(root, files)
    splits = {
        split: _samples(_image_folder(root, split, path), path, files[split])
        for split, path in paths.items()
    }
    _warn_of_unlisted(splits)
    return OpenDataset(info, splits)


def _info(root: Path, files: Mapping[str, CocoFile]) -> DatasetInfo:
    categories = _common_categories(root, files)
    names = [BACKGROUND, *(name for name in categories.values() if name != BACKGROUND)]
    if len(names) > IGNORE_LABEL:
        raise DataError(
            f"{root}: has {len(names)} classes; masks are stored in 8 bits and {IGNORE_LABEL} is "
            f"the ignore label, so that there can be {IGNORE_LABEL}"
        )
    sizes = {split: len(file.images) for split, file in files.items()}
    palette = voc_color_map(len(names))
    # Masks are drawn here, so that 255 means one thing, however few classes there are.
    return DatasetInfo(NAME, tuple(names), palette, IGNORE_LABEL, sizes, "index_with_void")


def _samples(folder: Path, path: Path, file: CocoFile) -> list[Sample]:
    """Returns the samples of a split, whose images are in ``folder``."""
    regions = [region for of_image in file.regions.values() for region in of_image]
    if any(isinstance(region.segmentation, list) for region in regions):
        check_installed()
    ids = _class_ids(file.categories)
    found = []
    for image in file.images:
        place = resolve_named(folder, image.file_name, str(path))
        image_id = bare_name(place.relative_to(folder).as_posix())
        read_mask = partial(read_regions, image=image, regions=file.regions[image.id], ids=ids)
        found.append(Sample(image_id, place, path, image_reader(place), read_mask))
    return found


def _warn_of_unlisted(splits: Mapping[str, Sequence[Sample]]) -> None:
    listed: dict[Path, list[Path]] = {}
    for samples in splits.values():
        for sample in samples:
            listed.setdefault(sample.image.parent, []).append(sample.image)
    for folder, images in listed.items():
        warn_of_unnamed(folder, IMAGE_SUFFIXES, images, "no file of annotations")


def _paths(root: Path) -> dict[str, Path]:
    """Returns the file of annotations of each split."""
    folder = root / "annotations"
    paths = list_files(folder, [".json"])
    if any(path.stem.startswith("instances_") for path in paths):
        # COCO itself has files of captions and of key points beside these.
        paths = [path for path in paths if not path.stem.startswith(_OTHER_KINDS)]
    if not paths:
        raise DataError(f"{folder}: holds no .json files; export annotations to there")
    splits: dict[str, Path] = {}
    for path in paths:
        split = re.sub(r"(?<=[^\W\d_])_?20\d\d$", "", path.stem.removeprefix("instances_"))
        if split in splits:
            raise DataError(
                f"{folder}: {splits[split].name} and {path.name} are both of the split {split}; "
                "keep one"
            )
        splits[split] = path
    return splits


def _common_categories(root: Path, files: Mapping[str, CocoFile]) -> dict[int, str]:
    (first, reference), *others = files.items()
    for split, file in others:
        differing = reference.categories.items() ^ file.categories.items()
        if differing:
            listed = ", ".join(f"{number} {name}" for number, name in sorted(differing)[:20])
            raise DataError(
                f"{root}: the splits {first} and {split} differ in their categories: {listed}; "
                "export them together"
            )
    return reference.categories


def _class_ids(categories: Mapping[int, str]) -> dict[int, int]:
    others = [number for number, name in categories.items() if name != BACKGROUND]
    ids = {number: place for place, number in enumerate(others, start=1)}
    return {number: ids.get(number, 0) for number in categories}


def _image_folder(root: Path, split: str, path: Path) -> Path:
    names = dict.fromkeys([path.stem.removeprefix("instances_"), split])
    folders = [
        *(root / name for name in names),
        *(root / "images" / name for name in names),
        root / "images",
    ]
    for folder in folders:
        if folder.is_dir():
            return folder
    raise DataError(
        f"{root}: has no folder of the images of {path.name}; it may be "
        f"{', '.join(str(folder.relative_to(root)) for folder in folders)}"
    )
