"""Published results, each with the set of images that it was measured on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedRow:
    """A published result in percent, with the digits that it was published with.

    Attributes:
        source: where it was published.
        model: what was evaluated.
        mean_iou: "-" where it was not published, as for the following ones.
        mean_pixel_accuracy: mean over classes.
        pixel_accuracy: over all pixels.
        frequency_weighted_iou: IoU weighted by the pixels of each class.
    """

    source: str
    model: str
    mean_iou: str
    mean_pixel_accuracy: str = "-"
    pixel_accuracy: str = "-"
    frequency_weighted_iou: str = "-"


@dataclass(frozen=True)
class PublishedSet:
    """A set of images and what was published about it.

    Attributes:
        name: what the literature calls it.
        datasets: names of the datasets whose records may hold it.
        splits: names of the splits that it may be.
        images: how many there are.
        rows: the results.
    """

    name: str
    datasets: tuple[str, ...]
    splits: tuple[str, ...]
    images: int
    rows: tuple[PublishedRow, ...]


_LONG = "Long et al., CVPR 2015"
_HEAVY = "authors' Caffe weights, scored again by wkentaro/fcn"
_CLASSIC = "tf-image-segmentation"
_VOC = ("pascal_voc", "pascal_voc_sbd")

SETS = (
    PublishedSet(
        "RV-VOC12",
        _VOC,
        ("val",),
        904,
        (
            PublishedRow(_CLASSIC, "FCN-32s", "62.70"),
            PublishedRow(_CLASSIC, "FCN-16s", "63.52"),
            PublishedRow(_CLASSIC, "FCN-8s", "63.65"),
        ),
    ),
    PublishedSet(
        "RV-VOC11",
        _VOC,
        ("val", "seg11valid"),
        736,
        (
            PublishedRow(_LONG, "FCN-32s", "59.4", "73.3", "89.1", "81.4"),
            PublishedRow(_LONG, "FCN-16s", "62.4", "75.7", "90.0", "83.0"),
            PublishedRow(_LONG, "FCN-8s", "62.7", "75.9", "90.3", "83.2"),
            PublishedRow(_HEAVY, "FCN-32s", "63.6", "76.5", "90.5", "83.5"),
            PublishedRow(_HEAVY, "FCN-16s", "65.0", "78.1", "91.0", "84.3"),
            PublishedRow(_HEAVY, "FCN-8s", "65.5", "77.6", "91.2", "84.5"),
        ),
    ),
    PublishedSet(
        "VOC12 val",
        _VOC,
        ("val",),
        1449,
        (
            PublishedRow("mmsegmentation, VOC12Aug, 20k steps", "FCN R50-D8", "67.1"),
            PublishedRow("mmsegmentation, VOC12Aug, 20k steps", "FCN R101-D8", "71.2"),
        ),
    ),
    PublishedSet(
        "CamVid test",
        ("camvid",),
        ("test",),
        233,
        (
            PublishedRow(
                "as quoted in later papers", "small nets such as SegNet and ENet", "50 to 53"
            ),
            PublishedRow("as quoted in later papers", "FCN-8s", "57.0"),
            PublishedRow("as quoted in later papers", "nets with more context", "61 to 67"),
        ),
    ),
)


def published(dataset: str, split: str | None, images: int) -> PublishedSet | None:
    """Returns what was published about exactly these images, as far as can be told.

    Args:
        dataset: the dataset's name.
        split: the split that was evaluated, None where records have no splits.
        images: how many were evaluated.
    """
    for known in SETS:
        is_split = split is None or split in known.splits
        if is_split and dataset in known.datasets and images == known.images:
            return known
    return None


def why_not_published(dataset: str, split: str | None, images: int) -> str:
    """Says in a sentence why there is no published result to compare with."""
    known = [each for each in SETS if dataset in each.datasets]
    if not known:
        return f"No published results are known for dataset {dataset}."
    of = "; ".join(f"{each.name}, {each.images} images" for each in known)
    here = f"split {split} with {images} images" if split else f"{images} images"
    return (
        f"The published results known for dataset {dataset} were measured on other sets ({of}), "
        f"this one on {here}: they cannot be compared."
    )
