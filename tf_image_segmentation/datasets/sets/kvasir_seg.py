"""Kvasir-SEG: polyps in images of colonoscopies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.datasets.decode.other_formats import read_jpeg_mask
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import (
    check_disjoint,
    find_root,
    paired_files,
    read_ids,
    resolve_inside,
)
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

# 332 x 487 to 1920 x 1072 pixels. Masks are JPEGs: black and white before they were compressed, and
# gray at the borders since. Each image has one polyp at least; everything is labeled.
INFO = DatasetInfo(
    name="kvasir_seg",
    class_names=("background", "polyp"),
    palette=((0, 0, 0), (240, 160, 40)),
    ignore_label=None,
    splits={"train": 880, "val": 120},
    mask_encoding="threshold_128",
)

# Where the lists are, made by the authors for a challenge.
_LISTS = (
    "https://raw.githubusercontent.com/DebeshJha/2020-MediaEval-Medico-polyp-segmentation/master/"
    "kvasir-seg-train-val"
)

SOURCE = Source(
    home_page="https://datasets.simula.no/kvasir-seg/",
    license="research and education only",
    citation="Jha et al., Kvasir-SEG: A Segmented Polyp Dataset, MMM 2020",
    layout="""\
Kvasir-SEG/{train,val}.txt      ids; may be absent, then the last 12 % by name are "val"
Kvasir-SEG/images/<id>.jpg      images
Kvasir-SEG/masks/<id>.jpg       masks, as JPEGs
Kvasir-SEG/kavsir_bboxes.json   boxes, not used""",
    archives=(
        Archive(
            url="https://datasets.simula.no/downloads/kvasir-seg.zip",
            product="Kvasir-SEG",
            required=("images", "masks"),
            max_bytes=10**9,
        ),
        Archive(url=f"{_LISTS}/train.txt", folder="Kvasir-SEG", unpack=False),
        Archive(url=f"{_LISTS}/val.txt", folder="Kvasir-SEG", unpack=False),
    ),
)


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train" or "val", in list order or sorted by name.

    Raises:
        DataError: the split is unknown, neither ``root`` nor Kvasir-SEG below it holds the images,
            one list is there without the other, or both have the same id.
    """
    choose("split", split, INFO.splits)
    folder = find_root(Path(root), "images", ("Kvasir-SEG",))
    ids = (_listed(folder) or _divided(folder))[split]
    return (
        Sample(
            image_id,
            resolve_inside(folder / "images", f"{image_id}.jpg"),
            resolve_inside(folder / "masks", f"{image_id}.jpg"),
            read_mask=read_jpeg_mask,
        )
        for image_id in ids
    )


def _listed(folder: Path) -> dict[str, list[str]]:
    lists = {split: folder / f"{split}.txt" for split in INFO.splits}
    missing = [path for path in lists.values() if not path.exists()]
    if len(missing) == len(lists):
        return {}
    if missing:
        raise DataError(f"{missing[0]}: there is no such list; add it, or remove the other one")
    splits = {
        split: [line.removesuffix(".jpg") for line in read_ids(path)]
        for split, path in lists.items()
    }
    check_disjoint(splits)
    return splits


def _divided(folder: Path) -> dict[str, list[str]]:
    pairs = paired_files(folder / "images", folder / "masks", image_end=".jpg", mask_end=".jpg")
    names = [name for name, _, _ in pairs]
    if not names:
        raise DataError(f"{folder / 'images'}: holds no JPEGs; unpack the archive again")
    first = len(names) * 88 // 100
    return {"train": names[:first], "val": names[first:]}
