"""ISBI 2012 EM: neuronal membranes in electron microscopy."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tf_image_segmentation.datasets.decode.other_formats import read_tiff
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import list_files
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

NUM_SLICES = 30
# The challenge keeps the labels of its test volume. Slices are 50 nm apart and neighbors look
# alike, so that the last ones validate, and not some from among the others.
SLICES = {"train": range(24), "val": range(24, NUM_SLICES)}

# 30 slices of 512 x 512 pixels of 4 x 4 nm, of the ventral nerve cord of a fruit fly larva. Masks
# hold 0 (membrane, a fifth of the pixels) and 255 (the inside of cells); everything is labeled.
INFO = DatasetInfo(
    name="isbi_em",
    class_names=("membrane", "cell"),
    palette=((0, 0, 0), (230, 200, 120)),
    ignore_label=None,
    splits={split: len(slices) for split, slices in SLICES.items()},
    mask_encoding="binary_255",
)

SOURCE = Source(
    home_page="https://imagej.net/events/isbi-2012-segmentation-challenge",
    license="free for research that cites it",
    citation="Arganda-Carreras et al., Crowdsourcing the creation of image segmentation algorithms "
    "for connectomics, Frontiers in Neuroanatomy 2015",
    layout="""\
train-volume.tif, train-labels.tif   30 pages each, as the challenge has them; or, one a slice,
image/<0 to 29>.png                  images, 512 x 512, gray
label/<0 to 29>.png                  masks of 0 and 255""",
    how_to_get="Register at the challenge, and put train-volume.tif and train-labels.tif into the "
    "root.",
)


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields slices 0 to 23 ("train") or 24 to 29 ("val"); ids are ``slice_00`` and so on.

    Raises:
        DataError: the split is unknown, or ``root`` has neither layout.
    """
    choose("split", split, INFO.splits)
    root = Path(root)
    volume, labels = root / "train-volume.tif", root / "train-labels.tif"
    if volume.exists() or labels.exists():
        return (_page(volume, labels, number) for number in SLICES[split])
    if not (root / "image").is_dir():
        raise DataError(f"{root}: has neither {volume.name} nor a folder image; check the root")
    _check_slices(root)
    return (
        Sample(f"slice_{n:02}", root / "image" / f"{n}.png", root / "label" / f"{n}.png")
        for n in SLICES[split]
    )


def _page(volume: Path, labels: Path, number: int) -> Sample:
    read = partial(read_tiff, page=number)
    return Sample(f"slice_{number:02}", volume, labels, read_image=read, read_mask=read)


def _check_slices(root: Path) -> None:
    """Refuses files that no split would take, so that none is left out unseen."""
    for folder in (root / "image", root / "label"):
        names = {path.stem for path in list_files(folder, [".png"])}
        more = sorted(names - {str(number) for number in range(NUM_SLICES)})
        if more:
            raise DataError(
                f"{folder}: {', '.join(more[:5])} is no slice of the volume, 0 to 29; move it away"
            )
