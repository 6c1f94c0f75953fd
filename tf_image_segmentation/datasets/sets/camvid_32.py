"""CamVid as it was released: 960 x 720 frames with 32 colors, 31 classes and void."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tf_image_segmentation.datasets.classes_file import published_classes
from tf_image_segmentation.datasets.lists import paired_files
from tf_image_segmentation.datasets.registry import register_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import choose

IMAGES, MASKS = "701_StillsRaw_full", "LabeledApproved_full"

# label_colors.txt of the release; black is void. The mask of Seq05VD_f02610, a test frame, is
# reported to be wrong; it is kept, as in the published scores.
INFO = replace(published_classes("camvid_32"), splits={"train": 367, "val": 101, "test": 233})

SOURCE = Source(
    home_page="http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/",
    license="research only",
    citation="Brostow et al., Semantic object classes in video, Pattern Recognition Letters 2009",
    layout=f"""\
{IMAGES}/<name>.png       images, 720 x 960
{MASKS}/<name>_L.png   RGB masks""",
    archives=(
        Archive(
            url="http://web4.cs.ucl.ac.uk/staff/g.brostow/MotionSegRecData/files/"
            "701_StillsRaw_full.zip",
            product=IMAGES,
        ),
        Archive(
            url="http://web4.cs.ucl.ac.uk/staff/g.brostow/MotionSegRecData/data/"
            "LabeledApproved_full.zip",
            folder=MASKS,
            required=("0001TP_006690_L.png", "Seq05VD_f05100_L.png"),
        ),
    ),
)


def _split(name: str) -> str:
    """Returns the split of a frame, as SegNet's lists divide the four sequences.

    "test" is Seq05VD and the second half of 0001TP, "val" the part of 0016E5 that was labeled at
    15 frames a second, "train" all the rest. Numbers have five or six digits, always as many in a
    sequence, so that names compare as numbers do.
    """
    if name.startswith("Seq05VD_f") or "0001TP_008550" <= name < "0001TP_:":
        return "test"
    if "0016E5_07959" <= name <= "0016E5_08159":
        return "val"
    if name.startswith(("0001TP_", "0006R0_f", "0016E5_")):
        return "train"
    raise DataError(
        f"{name!r} is a frame of none of CamVid's sequences (0001TP, 0006R0_f, 0016E5, Seq05VD_f); "
        f"move it out of {IMAGES} and {MASKS}"
    )


@register_dataset(INFO, SOURCE)
def samples(root: Path, split: str) -> Iterator[Sample]:
    """Yields the samples of "train", "val" or "test", sorted; ids are the names of the images.

    Raises:
        DataError: the split is unknown, a folder is missing, or a name is of no sequence.
    """
    choose("split", split, INFO.splits)
    root = Path(root)
    pairs = paired_files(root / IMAGES, root / MASKS, image_end=".png", mask_end="_L.png")
    return iter([Sample(*pair) for pair in pairs if _split(pair[0]) == split])
