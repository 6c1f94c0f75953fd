from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.cvc_clinicdb import FRAMES, INFO, SEQUENCE_ENDS, samples
from tf_image_segmentation.errors import DataError

GRAY = np.repeat(np.array([0, 3, 127, 128, 250, 255], np.uint8), 6).reshape(6, 6)


def write_frame(folder, frame, suffix):
    for name in ("Original", "Ground Truth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (6, 6), (frame % 256, 2, 3))
    image.save(folder / "Original" / f"{frame}{suffix}")
    # Some masks have one channel, some three that are equal.
    mask = Image.fromarray(GRAY).convert("RGB" if frame % 2 else "L")
    mask.save(folder / "Ground Truth" / f"{frame}{suffix}")


@pytest.mark.parametrize(
    ("folder", "suffix", "root"),
    [
        ("CVC-ClinicDB", ".tif", ""),
        ("CVC-ClinicDB", ".tif", "CVC-ClinicDB"),
        ("CVC-ClinicDB/PNG", ".png", ""),
        ("TIF", ".tif", ""),
        ("PNG", ".png", "PNG"),
    ],
)
def test_layouts(tmp_path, folder, suffix, root):
    for frame in (1, 2, 479, 612):
        write_frame(tmp_path / folder, frame, suffix)
    found = list(samples(tmp_path / root, "train"))
    assert [sample.image_id for sample in found[:2]] == ["frame_001", "frame_002"]
    assert list(missing_files(found)) == [f"frame_{n:03}" for n in range(3, 479)]
    for number, sample in enumerate(found[:2], start=1):
        np.testing.assert_array_equal(read_sample(sample, INFO).mask, GRAY >= 128)
        assert sample.image == tmp_path / folder / "Original" / f"{number}{suffix}"


def test_sequences_stay_whole():
    assert (len(SEQUENCE_ENDS), SEQUENCE_ENDS[-1]) == (29, 612)
    assert [n for frames in FRAMES.values() for n in frames] == list(range(1, 613))
    assert {frames[-1] for frames in FRAMES.values()} <= set(SEQUENCE_ENDS)
    assert INFO.splits == {"train": 478, "val": 68, "test": 66}


def test_splits_are_disjoint(tmp_path):
    write_frame(tmp_path, 1, ".tif")
    found = {split: list(samples(tmp_path, split)) for split in INFO.splits}
    assert {split: len(found[split]) for split in found} == INFO.splits
    assert len({sample.image for split in found for sample in found[split]}) == 612


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="has no Original"):
        samples(tmp_path, "train")
    (tmp_path / "Original").mkdir()
    with pytest.raises(DataError, match="Original: holds no frames"):
        samples(tmp_path, "train")
    with pytest.raises(
        DataError, match=r"unknown split 'dev'; choose from \['test', 'train', 'val'"
    ):
        samples(tmp_path, "dev")
    write_frame(tmp_path, 547, ".tif")
    (tmp_path / "Ground Truth/547.tif").unlink()
    missing = missing_files(samples(tmp_path, "test"))
    assert missing["frame_547"].endswith("Ground Truth/547.tif: missing")
