from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.kvasir_seg import INFO, samples
from tf_image_segmentation.errors import DataError

IDS = [f"cju0qkwl35piu0993l0d{number:04}" for number in range(25)]
POLYP = ((np.indices((40, 48)) - [[[20]], [[24]]]) ** 2).sum(0) < 150


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "Kvasir-SEG"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    # As published: three equal channels, compressed.
    mask = Image.fromarray(np.where(POLYP, 255, 0).astype(np.uint8)).convert("RGB")
    for image_id in IDS:
        Image.new("RGB", (48, 40), (200, 90, 80)).save(folder / f"images/{image_id}.jpg")
        mask.save(folder / f"masks/{image_id}.jpg", quality=60)
    (folder / "kavsir_bboxes.json").write_text("{}")
    (folder / "masks/.DS_Store").touch()
    return tmp_path


def ids(root, split):
    return [sample.image_id for sample in samples(root, split)]


@pytest.mark.parametrize("below", ["", "Kvasir-SEG"])
def test_without_lists_the_last_by_name_validate(root, below):
    assert ids(root / below, "train") == IDS[:22]
    assert ids(root / below, "val") == IDS[22:]
    # What the rule gives for the whole set.
    assert INFO.splits == {"train": 1000 * 88 // 100, "val": 1000 - 1000 * 88 // 100}


def test_lists_rule(root):
    (root / "Kvasir-SEG/train.txt").write_text("\n".join(reversed(IDS[3:])))
    with pytest.raises(DataError, match=r"val\.txt: there is no such list"):
        samples(root, "train")
    (root / "Kvasir-SEG/val.txt").write_text("".join(f"{i}.jpg\r\n" for i in IDS[:3]))
    assert ids(root, "train") == IDS[:2:-1]
    assert ids(root, "val") == IDS[:3]
    assert not missing_files(samples(root, "val"))
    (root / "Kvasir-SEG/val.txt").write_text(IDS[5])
    with pytest.raises(DataError, match=r"0005 \(in train and val\)"):
        samples(root, "val")
    (root / "Kvasir-SEG/val.txt").write_text("../../secret")
    with pytest.raises(DataError, match="would leave the folder"):
        list(samples(root, "val"))


def test_jpeg_masks_are_cut_at_half(root):
    sample = next(samples(root, "train"))
    stored = np.asarray(Image.open(sample.mask).convert("L"))
    assert len(np.unique(stored)) > 2  # what compression left of black and white
    mask = read_sample(sample, INFO).mask
    np.testing.assert_array_equal(mask, stored >= 128)
    assert (mask == POLYP).mean() > 0.98


def test_files_without_a_partner_are_reported(root):
    (root / f"Kvasir-SEG/images/{IDS[0]}.jpg").unlink()
    (root / f"Kvasir-SEG/masks/{IDS[1]}.jpg").unlink()
    assert list(missing_files(samples(root, "train"))) == IDS[:2]


def test_wrong_roots_and_splits_are_said(root):
    with pytest.raises(DataError, match=r"unknown split 'test'; choose from \['train', 'val'\]"):
        samples(root, "test")
    with pytest.raises(DataError, match="has no images"):
        samples(root / "Kvasir-SEG/masks", "train")
    empty = root / "empty"
    for name in ("images", "masks"):
        (empty / name).mkdir(parents=True)
    with pytest.raises(DataError, match="images: holds no JPEGs"):
        samples(empty, "train")
