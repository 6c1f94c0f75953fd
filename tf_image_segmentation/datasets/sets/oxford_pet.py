"""Oxford-IIIT Pet: cats and dogs, each image with a trimap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import check_disjoint, read_ids, resolve_inside
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.registry import choose

_LISTS = {"train": "trainval.txt", "test": "test.txt"}

# Trimaps hold 1 (the animal), 2 (background) and 3, "not classified": a line some pixels wide round
# the animal, where the outline is uncertain. As the border of VOC, 3 is the ignore label and no
# class of its own, whose score would tell how wide the line was drawn.
#
# Not all files named .jpg are JPEG. Abyssinian_5 and Egyptian_Mau_14, 156 and 186 are PNG, some
# with alpha, and are read as such. Abyssinian_34 and Egyptian_Mau_139, 145, 167, 177 and 191 are
# GIF; they are reported to be in neither list, and where one is, it is an error that names the
# file. beagle_116 and chihuahua_121 hold stray bytes that decoders pass over.
INFO = DatasetInfo(
    name="oxford_pet",
    class_names=("background", "pet"),
    palette=((0, 0, 0), (230, 140, 40)),
    ignore_label=255,
    splits={"train": 3680, "test": 3669},
    mask_encoding="label_map",
    label_map={1: 1, 2: 0, 3: 255},
)

SOURCE = Source(
    home_page="https://www.robots.ox.ac.uk/~vgg/data/pets/",
    license="CC BY-SA 4.0",
    citation="Parkhi et al., Cats and Dogs, CVPR 2012",
    layout="""\
annotations/{trainval,test}.txt   "name class species breed" a line
annotations/trimaps/<name>.png    trimaps, 1 to 3
images/<name>.jpg                 images""",
    archives=(
        Archive(
            url="https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
            checksum="md5:5c4f3ee8e5d25df40f4fd59a7f44e54c",
            product="images",
        ),
        Archive(
            url="https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
            checksum="md5:95a8c909bbe2e81eed6a22bccdf3f68f",
            product="annotations",
            required=("trimaps", *_LISTS.values()),
        ),
    ),
)


def _names(path: Path) -> list[str]:
    """Returns the first word of each line that is no comment."""
    return [line.split()[0] for line in read_ids(path) if not line.startswith("#")]


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train", the published trainval.txt, or of "test", in list order.

    Raises:
        DataError: the split is unknown, a list cannot be read, a name is listed twice or would
            leave the folder.
    """
    choose("split", split, INFO.splits)
    root = Path(root)
    names = {name: _names(root / "annotations" / file) for name, file in _LISTS.items()}
    check_disjoint(names)
    return (
        Sample(
            name,
            resolve_inside(root / "images", f"{name}.jpg"),
            resolve_inside(root / "annotations" / "trimaps", f"{name}.png"),
        )
        for name in names[split]
    )
