"""ISIC 2017 and 2018, task 1: skin lesions in dermoscopic images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import paired_splits
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

# The folders of images and masks of each split. The folders of 2017's images hold a PNG of
# superpixels beside each image, those of both years texts on license and authors.
Folders = Mapping[str, tuple[str, str]]
FOLDERS_2017: Folders = {
    "train": ("ISIC-2017_Training_Data", "ISIC-2017_Training_Part1_GroundTruth"),
    "val": ("ISIC-2017_Validation_Data", "ISIC-2017_Validation_Part1_GroundTruth"),
    "test": ("ISIC-2017_Test_v2_Data", "ISIC-2017_Test_v2_Part1_GroundTruth"),
}
FOLDERS_2018: Folders = {
    "train": ("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth"),
    "val": ("ISIC2018_Task1-2_Validation_Input", "ISIC2018_Task1_Validation_GroundTruth"),
    "test": ("ISIC2018_Task1-2_Test_Input", "ISIC2018_Task1_Test_GroundTruth"),
}
# For the images and the masks of each split, in the order above.
CHECKSUMS_2017 = (
    "md5:a14a7e622c67a358797ae59abb8a0b0c",
    "md5:77fdbeb6fbec4139937224416b250f4c",
    "md5:8d6419d942112f709894c0d82f6c9038",
    "md5:64d3e68fa2deeb8a5e89aa8dec2efd44",
    "md5:5f6a0b5e1f2972bd1f5ea02680489f09",
    "md5:b1742de6bd257faca3b2b21a4aa3b781",
)
CHECKSUMS_2018 = (
    "sha256:80f98572347a2d7a376227fa9eb2e4f7459d317cb619865b8b9910c81446675f",
    "sha256:99f8b2bb3c4d6af483362010715f7e7d5d122d9f6c02cac0e0d15bef77c7604c",
    "sha256:0ea920fcfe512d12a6e620b50b50233c059f67b10146e1479c82be58ff15a797",
    "sha256:f6911e9c0a64e6d687dd3ca466ca927dd5e82145cb2163b7a1e5b37d7a716285",
    "sha256:e59ae1f69f4ed16f09db2cb1d76c2a828487b63d28f6ab85997f5616869b127d",
    "sha256:2e8f6edce454a5bdee52485e39f92bd6eddf357e81f39018d05512175238ef82",
)


def _info(year: int, splits: Mapping[str, int]) -> DatasetInfo:
    # Sides of 500 to 6700 pixels. Each image has one lesion; everything is labeled.
    return DatasetInfo(
        name=f"isic_{year}",
        class_names=("background", "lesion"),
        palette=((0, 0, 0), (200, 110, 80)),
        ignore_label=None,
        splits=splits,
        mask_encoding="binary_255",
    )


INFO_2017 = _info(2017, {"train": 2000, "val": 150, "test": 600})
INFO_2018 = _info(2018, {"train": 2594, "val": 100, "test": 1000})


def _source(year: int, folders: Folders, checksums: tuple[str, ...], citation: str) -> Source:
    names = [name for pair in folders.values() for name in pair]
    return Source(
        home_page=f"https://challenge.isic-archive.com/data/#{year}",
        license="CC-0, as the texts in the folders say",
        citation=citation,
        layout="\n".join(
            f"{images + '/<id>.jpg':<61}images of {split}\n"
            f"{masks + '/<id>_segmentation.png':<61}masks of 0 and 255"
            for split, (images, masks) in folders.items()
        ),
        archives=tuple(
            Archive(
                url=f"https://isic-challenge-data.s3.amazonaws.com/{year}/{name}.zip",
                checksum=checksum,
                product=name,
                max_bytes=16 * 10**9,
            )
            for name, checksum in zip(names, checksums, strict=True)
        ),
    )


SOURCE_2017 = _source(
    2017,
    FOLDERS_2017,
    CHECKSUMS_2017,
    "Codella et al., Skin Lesion Analysis Toward Melanoma Detection: A Challenge at ISBI 2017, "
    "arXiv 1710.05006",
)
SOURCE_2018 = _source(
    2018,
    FOLDERS_2018,
    CHECKSUMS_2018,
    "Codella et al., Skin Lesion Analysis Toward Melanoma Detection 2018, arXiv 1902.03368; "
    "Tschandl et al., The HAM10000 dataset, Scientific Data 2018",
)


def _samples(folders: Folders, root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train", "val" or "test", sorted by id.

    Raises:
        DataError: the split is unknown, one of its folders is missing or empty, or an id is in two
            of the splits that are there.
    """
    choose("split", split, folders)
    paths = {
        name: (Path(root) / images, Path(root) / masks) for name, (images, masks) in folders.items()
    }
    pairs = paired_splits(paths, split, image_end=".jpg", mask_end="_segmentation.png")
    if not pairs:
        raise DataError(f"{paths[split][0]}: holds no images; unpack it again")
    return (Sample(image_id, image, mask) for image_id, image, mask in pairs)


register_dataset(INFO_2017, SOURCE_2017)(partial(_samples, FOLDERS_2017))
register_dataset(INFO_2018, SOURCE_2018)(partial(_samples, FOLDERS_2018))
