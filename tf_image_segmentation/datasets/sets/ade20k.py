"""ADE20K, scene parsing: 150 classes of things and stuff, indoors and outdoors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tf_image_segmentation.datasets.classes_file import published_classes
from tf_image_segmentation.datasets.lists import find_root, paired_splits
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.registry import choose

FOLDER = "ADEChallengeData2016"
_FOLDERS = {"train": "training", "val": "validation"}

# The full ADE20K has over 3000 classes; these are the ones that the benchmark took. Masks hold 0
# for everything else, and k for class k - 1. The table has the first name of each line of the
# benchmark's objectInfo150.txt, most frequent class first, with the benchmark's colors. Road and
# skyscraper share theirs.
INFO = replace(
    published_classes("ade20k"),
    splits={"train": 20210, "val": 2000},
    mask_encoding="zero_is_void",
    label_map={},
)

SOURCE = Source(
    home_page="http://sceneparsing.csail.mit.edu/",
    license="images for non-commercial research and education, annotations BSD-3-Clause",
    citation="Zhou et al., Scene Parsing through ADE20K Dataset, CVPR 2017",
    layout=f"""\
{FOLDER}/images/{{training,validation}}/<id>.jpg        images
{FOLDER}/annotations/{{training,validation}}/<id>.png   index masks, 0 to 150""",
    archives=(
        Archive(
            url="http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip",
            product=FOLDER,
            required=tuple(
                f"{kind}/{folder}"
                for kind in ("images", "annotations")
                for folder in _FOLDERS.values()
            ),
        ),
    ),
)


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train" or "val", sorted; ids are the files' stems.

    ``root`` is ADEChallengeData2016 or its parent.

    Raises:
        DataError: the split is unknown, a folder is missing, or an id is in both splits.
    """
    choose("split", split, INFO.splits)
    folder = find_root(Path(root), "annotations", (FOLDER,))
    folders = {
        name: (folder / "images" / below, folder / "annotations" / below)
        for name, below in _FOLDERS.items()
    }
    pairs = paired_splits(folders, split, image_end=".jpg", mask_end=".png")
    return (Sample(*pair) for pair in pairs)
