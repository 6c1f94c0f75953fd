"""EndoVis 2015: rigid instruments in laparoscopies of the colon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.datasets.decode.masks import read_gray_mask
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import paired_files
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

# The folders of images and of masks, and the numbers of the operations. Operations 1 to 4 are in
# both splits, with other images; 5 and 6 are in "test" alone.
TRAINING, TESTING, TRUTH = (
    "Segmentation_Rigid_Training",
    "Segmentation_Rigid_Testing_Revision",
    "Segmentation_Rigid_Testing_GT",
)
FOLDERS = {
    "train": (f"{TRAINING}/Training/OP{{}}/Raw", f"{TRAINING}/Training/OP{{}}/Masks", range(1, 5)),
    "test": (f"{TESTING}/Testing/OP{{}}", f"{TRUTH}/OP{{}}", range(1, 7)),
}

# 480 x 640 pixels; 40 images of each operation in "train" and 10 in "test". The manipulator is the
# tip, with which an instrument works. Everything is labeled. Beside the masks of classes,
# Masks has some that number the instruments, img_01_instrument.png and so on.
INFO = DatasetInfo(
    name="endovis_2015",
    class_names=("background", "manipulator", "shaft"),
    palette=((0, 0, 0), (240, 200, 60), (60, 160, 220)),
    ignore_label=None,
    splits={"train": 160, "test": 60},
    mask_encoding="label_map",
    label_map={0: 0, 70: 1, 160: 2},
)

SOURCE = Source(
    home_page="https://endovissub-instrument.grand-challenge.org/",
    license="research only",
    citation="Bodenstedt et al., Comparative evaluation of instrument segmentation and tracking "
    "methods in minimally invasive surgery, arXiv 1805.02475, 2018",
    layout="""\
Segmentation_Rigid_Training/Training/OP<1 to 4>/Raw/img_<01 to 40>_raw.png      images of train
Segmentation_Rigid_Training/Training/OP<1 to 4>/Masks/img_<01 to 40>_class.png  masks: 0, 70, 160
Segmentation_Rigid_Testing_Revision/Testing/OP<1 to 6>/img_<number>_raw.png     images of test
Segmentation_Rigid_Testing_GT/OP<1 to 6>/img_<number>_class.png                 masks of test""",
    archives=tuple(
        Archive(
            url=f"https://opencas.webarchiv.kit.edu/data/endovis15_ins/{name}.zip",
            product=name,
            max_bytes=10**9,
        )
        for name in (TRAINING, TESTING, TRUTH)
    ),
)


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train" or "test", sorted; ids are ``train_op1_img_01`` and so on.

    Raises:
        DataError: the split is unknown, or the folder of an operation is missing or empty.
    """
    choose("split", split, INFO.splits)
    images, masks, numbers = FOLDERS[split]
    found = []
    for number in numbers:
        image_folder, mask_folder = (Path(root) / name.format(number) for name in (images, masks))
        pairs = paired_files(image_folder, mask_folder, image_end="_raw.png", mask_end="_class.png")
        if not pairs:
            raise DataError(f"{image_folder}: holds no img_<number>_raw.png; unpack it again")
        found += [
            Sample(f"{split}_op{number}_{name}", image, mask, read_mask=read_gray_mask)
            for name, image, mask in pairs
        ]
    return iter(found)
