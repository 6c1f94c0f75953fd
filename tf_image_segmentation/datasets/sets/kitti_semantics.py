"""KITTI, semantic segmentation benchmark of 2018: street scenes with the Cityscapes classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.datasets.lists import paired_files
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.sets.cityscapes import cityscapes_info
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.registry import choose

# The masks of the test images are not published, nor is a validation split. Neighbors in number
# may show the same street, so that the last 40 validate, and not some from among the others.
_FIRST_OF_VAL = "000160"

# Some 375 x 1242 pixels.
INFO = cityscapes_info("kitti_semantics", {"train": 160, "val": 40})

SOURCE = Source(
    home_page="https://www.cvlibs.net/datasets/kitti/eval_semseg.php?benchmark=semantics2015",
    license="CC BY-NC-SA 3.0",
    citation="Alhaija et al., Augmented Reality Meets Computer Vision, IJCV 2018",
    layout="""\
training/image_2/<6 digits>_10.png    images, some 375 x 1242
training/semantic/<6 digits>_10.png   masks of Cityscapes label ids""",
    how_to_get="Log in at the home page, and unpack data_semantics.zip into the root.",
)


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields images 0 to 159 ("train") or 160 to 199 ("val"); ids are ``000000_10`` and so on.

    Raises:
        DataError: the split is unknown, or a folder is missing.
    """
    choose("split", split, INFO.splits)
    folder = Path(root) / "training"
    # A folder that holds the stereo benchmark as well has further frames, <6 digits>_11.png.
    pairs = paired_files(
        folder / "image_2", folder / "semantic", image_end="_10.png", mask_end="_10.png"
    )
    return (
        Sample(f"{number}_10", image, mask)
        for number, image, mask in pairs
        if (number >= _FIRST_OF_VAL) == (split == "val")
    )
