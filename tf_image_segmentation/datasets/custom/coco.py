"""A custom dataset in the format of COCO: polygons and run lengths in JSON files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tf_image_segmentation.datasets.custom.coco_boxes import (
    BOXES,
    CROWDS,
    classes_of,
    without_boxes,
    without_crowds,
)
from tf_image_segmentation.datasets.custom.coco_file import CocoFile, Id, in_order, read_coco
from tf_image_segmentation.datasets.custom.coco_masks import check_installed, read_regions
from tf_image_segmentation.datasets.custom.coco_paths import (
    annotation_files,
    image_folder,
    is_coco,
)
from tf_image_segmentation.datasets.custom.files import (
    IMAGE_SUFFIXES,
    image_reader,
    resolve_named,
    warn_of_unnamed,
)
from tf_image_segmentation.datasets.custom.run_lengths import IGNORE_LABEL
from tf_image_segmentation.datasets.decode.pages import bare_name
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.registry import OpenDataset, register_layout
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.datasets.voc_labelmap import BACKGROUND, plain_name
from tf_image_segmentation.errors import DataError

NAME = "coco"

SOURCE = Source(
    home_page="https://cocodataset.org",
    license="that of your images",
    citation="Lin et al., Microsoft COCO: Common objects in context, ECCV 2014, for the format",
    layout="""\
annotations/[instances_]<split>.json          of the kind "instances"; train2017 is the split train
{<split>,images/<split>,images}/<file_name>   images, in the folder that holds most of them
or <split>/_annotations.coco.json with images beside it (Roboflow), or result.json with images/
(Label Studio), or any file of annotations in the root""",
    how_to_get="Export from an annotation tool as COCO.",
)


def detect(root: Path) -> str | None:
    """Says by which file a root is known to have this layout."""
    try:
        path = next(iter(annotation_files(root).values()))
    except DataError:
        return None
    return f"{path.name} holds COCO annotations" if is_coco(path) else None


@register_layout(NAME, SOURCE, detect=detect, options=(BOXES, CROWDS))
def open_coco(root: Path, boxes: str | None = None, crowds: str | None = None) -> OpenDataset:
    """Returns "background" and the categories in the order of their ids, and the samples.

    A category that is called "background" is class 0 itself, and one that only groups others is no
    class. Samples are in the order of the file, images without annotations included; ids are file
    names without extensions. See `read_regions` for what lies over what.

    Args:
        root: the folder, or a file of annotations.
        boxes: see `without_boxes`.
        crowds: see `without_crowds`.

    Raises:
        DataError: the folder is not as `SOURCE` says, its files differ in their categories, or
            polygons are to be drawn and pycocotools is not installed.
    """
    paths = annotation_files(root)
    read = {split: read_coco(path) for split, path in paths.items()}
    files = {
        split: without_boxes(paths[split], without_crowds(paths[split], file, crowds), boxes)
        for split, file in read.items()
    }
    info, ids = _info(root, files)
    splits = {
        split: _samples(root, split, path, files[split], ids) for split, path in paths.items()
    }
    _warn_of_unlisted(splits)
    return OpenDataset(info, splits)


def _info(root: Path, files: Mapping[str, CocoFile]) -> tuple[DatasetInfo, dict[Id, int]]:
    """Returns the description, and the class id of each category."""
    categories = classes_of(files, _common_categories(root, files))
    plain = {number: plain_name(name) for number, name in categories.items()}
    names = list(dict.fromkeys([BACKGROUND, *plain.values()]))
    if len(names) > IGNORE_LABEL:
        raise DataError(
            f"{root}: has {len(names)} classes; masks are stored in 8 bits and {IGNORE_LABEL} is "
            f"the ignore label, so that there can be {IGNORE_LABEL}"
        )
    # Masks are drawn here, so that 255 means one thing, however few classes there are.
    colors = voc_color_map(len(names))
    info = DatasetInfo(NAME, tuple(names), colors, IGNORE_LABEL, mask_encoding="index_with_void")
    return info, {number: names.index(name) for number, name in plain.items()}


def _samples(
    root: Path, split: str, path: Path, file: CocoFile, ids: Mapping[Id, int]
) -> list[Sample]:
    """Returns the samples of a split."""
    regions = [region for of_image in file.regions.values() for region in of_image]
    if any(isinstance(region.segmentation, list) for region in regions):
        check_installed()
    folder = image_folder(root, split, path, [image.file_name for image in file.images])
    found = []
    for image in file.images:
        place = resolve_named(folder, image.file_name, str(path))
        image_id = bare_name(place.relative_to(folder).as_posix())
        read_mask = partial(
            read_regions, image=image, place=place, regions=file.regions[image.id], ids=ids
        )
        found.append(Sample(image_id, place, path, image_reader(place), read_mask))
    return found


def _warn_of_unlisted(splits: Mapping[str, Sequence[Sample]]) -> None:
    listed: dict[Path, list[Path]] = {}
    for samples in splits.values():
        for sample in samples:
            listed.setdefault(sample.image.parent, []).append(sample.image)
    for folder, images in listed.items():
        warn_of_unnamed(folder, IMAGE_SUFFIXES, images, "no file of annotations")


def _common_categories(root: Path, files: Mapping[str, CocoFile]) -> dict[Id, str]:
    """Returns the categories of all files, which may lack some but must agree."""
    (first, reference), *others = files.items()
    names, ids = dict(reference.categories), {n: i for i, n in reference.categories.items()}
    for split, file in others:
        differing = {
            each
            for number, name in file.categories.items()
            if names.get(number, name) != name or ids.get(name, number) != number
            for each in (f"{number} {name}", f"{number} {names.get(number, name)}")
        }
        if differing:
            raise DataError(
                f"{root}: the splits {first} and {split} differ in their categories: "
                f"{', '.join(sorted(differing)[:20])}; export them together"
            )
        names |= file.categories
        ids |= {name: number for number, name in file.categories.items()}
    return {number: names[number] for number in in_order(names)}
