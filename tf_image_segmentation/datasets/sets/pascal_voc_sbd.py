"""PASCAL VOC 2012 joined with Berkeley SBD: the usual training set for VOC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import check_disjoint
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.sets import berkeley_sbd, pascal_voc
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.registry import choose

DEFAULT_MODE = 2

# With PT, PV the train and val lists of VOC and BT, BV those of SBD (12031 ids in all), the
# validation set is
#   mode 1: PV                 all of VOC's
#   mode 2: PV less BT         "restricted" RV-VOC12: nothing that others train on with SBD's train
#   mode 3: PV less BT and BV  nothing that SBD has at all
# and everything else is trained on.
SIZES: Mapping[int, Mapping[str, int]] = {
    1: {"train": 10582, "val": 1449},
    2: {"train": 11127, "val": 904},
    3: {"train": 11685, "val": 346},
}

# SBD masks are mixed with VOC ones: only the latter have the 255 border.
INFO = replace(pascal_voc.INFO, name="pascal_voc_sbd", splits=SIZES[DEFAULT_MODE])

SOURCE = Source(
    home_page=pascal_voc.SOURCE.home_page,
    license=pascal_voc.SOURCE.license,
    citation=f"{pascal_voc.SOURCE.citation}; {berkeley_sbd.SOURCE.citation}",
    layout=f"{pascal_voc.SOURCE.layout}\n{berkeley_sbd.SOURCE.layout}",
    archives=(*pascal_voc.SOURCE.archives, *berkeley_sbd.SOURCE.archives),
)


def info_for_mode(mode: int) -> DatasetInfo:
    """Returns `INFO` with the published sizes of ``mode`` 1, 2 or 3."""
    return replace(INFO, splits=choose("mode", mode, SIZES))


def split_ids(
    voc: Mapping[str, list[str]], sbd: Mapping[str, list[str]], mode: int
) -> dict[str, list[str]]:
    """Divides the ids of both datasets into "train" and "val", each sorted.

    Args:
        voc: VOC's "train" and "val" ids.
        sbd: SBD's "train" and "val" ids.
        mode: 1, 2 or 3, see `SIZES`.

    Raises:
        DataError: if there is no such mode.
    """
    choose("mode", mode, SIZES)
    not_for_validation: dict[int, set[str]] = {
        1: set(),
        2: set(sbd["train"]),
        3: {*sbd["train"], *sbd["val"]},
    }
    val = set(voc["val"]) - not_for_validation[mode]
    everything = {*voc["train"], *voc["val"], *sbd["train"], *sbd["val"]}
    splits = {"train": sorted(everything - val), "val": sorted(val)}
    check_disjoint(splits)
    return splits


def union_samples(voc_root: Path, sbd_root: Path, mode: int) -> dict[str, list[Sample]]:
    """Returns the samples of "train" and "val", each sorted by id.

    Training masks are SBD's for images in SBD's lists, else VOC's; validation masks are VOC's.
    Images are VOC's for ids in VOC's lists, else SBD's, or VOC's where SBD's folder lacks them.

    Args:
        voc_root: .../VOCdevkit/VOC2012.
        sbd_root: .../benchmark_RELEASE/dataset.
        mode: 1, 2 or 3, see `SIZES`.

    Raises:
        DataError: for an unknown mode, missing lists, or ids that leave the folders.
    """
    choose("mode", mode, SIZES)
    voc_folder = pascal_voc.voc_folder(voc_root)
    sbd_folder = berkeley_sbd.sbd_folder(sbd_root)
    voc, sbd = pascal_voc.read_splits(voc_folder), berkeley_sbd.read_splits(sbd_folder)
    voc_ids, sbd_ids = {*voc["train"], *voc["val"]}, {*sbd["train"], *sbd["val"]}

    def image(image_id: str) -> Path:
        if image_id in voc_ids:
            return pascal_voc.voc_image(voc_folder, image_id)
        of_sbd = berkeley_sbd.sbd_image(sbd_folder, image_id)
        of_voc = pascal_voc.voc_image(voc_folder, image_id)
        return of_voc if of_voc.exists() and not of_sbd.exists() else of_sbd

    def train_sample(image_id: str) -> Sample:
        if image_id in sbd_ids:
            return berkeley_sbd.sbd_sample(sbd_folder, image_id, image(image_id))
        return val_sample(image_id)

    def val_sample(image_id: str) -> Sample:
        return Sample(image_id, image(image_id), pascal_voc.voc_mask(voc_folder, image_id))

    ids = split_ids(voc, sbd, mode)
    return {
        "train": [train_sample(image_id) for image_id in ids["train"]],
        "val": [val_sample(image_id) for image_id in ids["val"]],
    }


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of mode 2; ``root`` holds VOCdevkit and benchmark_RELEASE."""
    choose("split", split, INFO.splits)
    voc_root, sbd_root = Path(root, "VOCdevkit/VOC2012"), Path(root, "benchmark_RELEASE/dataset")
    return iter(union_samples(voc_root, sbd_root, DEFAULT_MODE)[split])
