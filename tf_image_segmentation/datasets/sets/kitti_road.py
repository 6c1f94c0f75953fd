"""KITTI, road benchmark: where the road is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import find_root, list_files, resolve_inside
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.registry import choose

# The masks of the test images are not published, nor is a validation split. Neighbors in number
# may show the same street, so that the last ones of each category validate: 15 of 95 um, 16 of 96
# umm and 18 of 98 uu.
_FIRST_OF_VAL = "000080"

# In the masks, blue says road and red says that the pixel counts: magenta is road, red is not, and
# what is black is left out of the benchmark's scores. Those are taken in a view from above, and so
# are not the ones of the images.
INFO = DatasetInfo(
    name="kitti_road",
    class_names=("non-road", "road"),
    palette=((255, 0, 0), (255, 0, 255)),
    ignore_label=255,
    splits={"train": 240, "val": 49},
    mask_encoding="rgb",
    void_colors=((0, 0, 0),),
)

SOURCE = Source(
    home_page="https://www.cvlibs.net/datasets/kitti/eval_road.php",
    license="CC BY-NC-SA 3.0",
    citation="Fritsch et al., A New Performance Measure and Evaluation Benchmark for Road "
    "Detection Algorithms, ITSC 2013",
    layout="""\
data_road/training/image_2/{um,umm,uu}_<6 digits>.png           images, some 375 x 1242
data_road/training/gt_image_2/{um,umm,uu}_road_<6 digits>.png   RGB masks (not um_lane_*)""",
    how_to_get="Log in at the home page, and unpack data_road.zip, the base kit, into the root.",
)


def _names(images: Path, masks: Path) -> list[str]:
    """Returns ``um_000000`` and so on, whichever of image and mask is there."""
    names = {path.stem for path in list_files(images, [".png"])}
    masked = {path.stem for path in list_files(masks, [".png"]) if "_road_" in path.stem}
    return sorted(names | {name.replace("_road_", "_", 1) for name in masked})


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields numbers below 80 ("train") or from 80 on ("val") of each category, sorted by name.

    ``root`` is data_road or its parent; ids are ``um_000000`` and so on.

    Raises:
        DataError: the split is unknown, or a folder is missing.
    """
    choose("split", split, INFO.splits)
    folder = find_root(Path(root), "training", ("data_road",)) / "training"
    images, masks = folder / "image_2", folder / "gt_image_2"
    return (
        Sample(
            name,
            resolve_inside(images, f"{name}.png"),
            resolve_inside(masks, f"{name.replace('_', '_road_', 1)}.png"),
        )
        for name in _names(images, masks)
        if (name.rpartition("_")[2] >= _FIRST_OF_VAL) == (split == "val")
    )
