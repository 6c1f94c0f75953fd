"""CHASE_DB1: blood vessels in photographs of children's retinas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import find_root
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.registry import choose

# Both eyes of 14 children. There is no published split; the usual one trains on the first 20
# images and tests on the other 8, so that no child is in both.
CHILDREN = {"train": range(1, 11), "test": range(11, 15)}

# 960 x 999 pixels. Masks of the first observer (1stHO), PNGs of one bit in the release and of 0 and
# 255 where other programs have saved them again. Everything is labeled: the black surround of
# the round field of view is background, and no file says where it begins.
INFO = DatasetInfo(
    name="chase_db1",
    class_names=("background", "vessel"),
    palette=((0, 0, 0), (220, 40, 40)),
    ignore_label=None,
    splits={split: 2 * len(children) for split, children in CHILDREN.items()},
    mask_encoding="label_map",
    label_map={0: 0, 1: 1, 255: 1},
)

SOURCE = Source(
    home_page="https://researchinnovation.kingston.ac.uk/en/datasets/"
    "chasedb1-retinal-vessel-reference-dataset-4/",
    license="CC BY 4.0",
    citation="Fraz et al., An ensemble classification-based approach applied to retinal blood "
    "vessel segmentation, IEEE Transactions on Biomedical Engineering 2012",
    layout="""\
CHASEDB1/Image_<01 to 14>{L,R}.jpg           images, 960 x 999
CHASEDB1/Image_<01 to 14>{L,R}_1stHO.png     masks of the first observer
CHASEDB1/Image_<01 to 14>{L,R}_2ndHO.png     those of the second, not used""",
    archives=(
        Archive(
            url="https://researchdata.kingston.ac.uk/96/1/CHASEDB1.zip",
            folder="CHASEDB1",
            required=("Image_01L.jpg", "Image_01L_1stHO.png"),
            max_bytes=10**8,
        ),
    ),
)


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the left and the right eyes of children 1 to 10 ("train") or 11 to 14 ("test").

    Ids are the images' stems, ``Image_01L`` for example.

    Raises:
        DataError: the split is unknown, or neither ``root`` nor CHASEDB1 below it holds the images.
    """
    children = choose("split", split, CHILDREN)
    folder = find_root(Path(root), "Image_01L.jpg", ("CHASEDB1",))
    ids = [f"Image_{child:02}{eye}" for child in children for eye in "LR"]
    return (Sample(i, folder / f"{i}.jpg", folder / f"{i}_1stHO.png") for i in ids)
