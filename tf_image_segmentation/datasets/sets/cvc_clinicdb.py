"""CVC-ClinicDB, also called CVC-612: polyps in frames of colonoscopy videos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tf_image_segmentation.datasets.decode.other_formats import read_tiff
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.lists import find_root
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

# The last frame of each of the 29 sequences, as two public projects that use them agree.
SEQUENCE_ENDS = (
    *(25, 50, 67, 78, 103, 126, 151, 177, 199, 205, 227, 252, 277, 297, 317),
    *(342, 363, 383, 408, 428, 447, 466, 478, 503, 528, 546, 571, 591, 612),
)

# There is no published split. Frames of one sequence look alike, so that a division by frame, which
# is common, tests on what was trained on. Here sequences stay whole: 1 to 23 train, 24 to 26
# validate, 27 to 29 test.
FRAMES = {"train": range(1, 479), "val": range(479, 547), "test": range(547, 613)}

# 288 x 384 pixels, one polyp or more in each. Masks are black and white, some as RGB and with grays
# at the borders; everything is labeled.
INFO = DatasetInfo(
    name="cvc_clinicdb",
    class_names=("background", "polyp"),
    palette=((0, 0, 0), (240, 160, 40)),
    ignore_label=None,
    splits={split: len(frames) for split, frames in FRAMES.items()},
    mask_encoding="threshold_128",
)

SOURCE = Source(
    home_page="https://polyp.grand-challenge.org/CVCClinicDB/",
    license="research and education only",
    citation="Bernal et al., WM-DOVA maps for accurate polyp highlighting in colonoscopy: "
    "Validation vs. saliency maps from physicians, Computerized Medical Imaging and Graphics 2015",
    layout="""\
CVC-ClinicDB/Original/<1 to 612>.tif         images, 288 x 384
CVC-ClinicDB/Ground Truth/<1 to 612>.tif     masks; both may be .png, and below TIF or PNG""",
    how_to_get="Follow the link of the home page, and unpack CVC-ClinicDB.rar in the root.",
)


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the frames of "train", "val" or "test" in their order; ids are ``frame_001`` ...

    Raises:
        DataError: the split is unknown, or the folder Original is not found or has no frames.
    """
    frames = choose("split", split, FRAMES)
    below = [f"{folder}{kind}" for folder in ("", "CVC-ClinicDB/") for kind in ("TIF", "PNG")]
    folder = find_root(Path(root), "Original", ("CVC-ClinicDB", *below))
    suffix = _suffix(folder / "Original")
    read = read_tiff if suffix == ".tif" else None
    return (
        Sample(
            f"frame_{frame:03}",
            folder / "Original" / f"{frame}{suffix}",
            folder / "Ground Truth" / f"{frame}{suffix}",
            read_image=read,
            read_mask=read,
        )
        for frame in frames
    )


def _suffix(folder: Path) -> str:
    for suffix in (".tif", ".png"):
        if any(folder.glob(f"[0-9]*{suffix}")):
            return suffix
    raise DataError(f"{folder}: holds no frames, 1.tif or 1.png and so on; unpack the set again")
