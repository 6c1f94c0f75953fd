from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.datasets.sets.coco_stuff import INFO, samples
from tf_image_segmentation.errors import DataError

# Label ids of the classes that COCO dropped: street sign, hat, shoe, eye glasses, plate, mirror,
# window, desk, door, blender, hair brush.
DROPPED = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91)
IDS = {"train2017": ["000000000009", "000000581929"], "val2017": ["000000000139"]}


@pytest.fixture
def root(tmp_path):
    """Every stored value: label id - 1, and 255."""
    stored = [label_id - 1 for label_id in range(1, 183) if label_id not in DROPPED] + [255]
    values = np.array([stored], np.uint8)
    for folder, names in IDS.items():
        for kind in ("images", "annotations"):
            (tmp_path / kind / folder).mkdir(parents=True)
        for name in names:
            Image.fromarray(values).save(tmp_path / f"images/{folder}/{name}.jpg")
            Image.fromarray(values).save(tmp_path / f"annotations/{folder}/{name}.png")
    (tmp_path / "annotations/instances_val2017.json").touch()
    return tmp_path


def test_published_classes():
    assert get_dataset("coco_stuff").info is INFO
    assert INFO.splits == {"train": 118287, "val": 5000}
    assert INFO.num_classes == len(set(INFO.class_names)) == len(set(INFO.palette)) == 171
    # Label id and name in the authors' list; files store one less.
    for label_id, name in (
        (1, "person"),
        (11, "fire hydrant"),
        (13, "stop sign"),
        (90, "toothbrush"),
        (92, "banner"),
        (149, "road"),
        (157, "sky-other"),
        (182, "wood"),
    ):
        assert INFO.class_names[INFO.label_map[label_id - 1]] == name
    assert [INFO.label_map[value] for value in (0, 9, 10, 12, 181, 255)] == [0, 9, 10, 11, 170, 255]
    assert len([value for value in INFO.label_map if value < 91]) == 80
    assert not {label_id - 1 for label_id in DROPPED} & set(INFO.label_map)


def test_folders_are_paired_by_name(root):
    (root / "annotations/val2017/._000000000139.png").touch()
    found = [sample for split in ("train", "val") for sample in samples(root, split)]
    assert [sample.image_id for sample in found] == [*IDS["train2017"], *IDS["val2017"]]
    assert not missing_files(found)


def test_stored_values_become_ids_without_gaps(root):
    checked = read_sample(next(samples(root, "val")), INFO)
    np.testing.assert_array_equal(checked.mask, [[*range(171), 255]])


# fault 16
def test_a_dropped_class_is_refused(root):
    path = root / "annotations/val2017/000000000139.png"
    Image.fromarray(np.full((1, 172), 11, np.uint8)).save(path)
    with pytest.raises(DataError, match=r"lacks: 11 \(172 pixels\)"):
        read_sample(next(samples(root, "val")), INFO)


# fault 20 and 28
def test_what_is_missing_is_said(root):
    (root / "images/train2017/000000000009.jpg").unlink()
    (root / "annotations/train2017/000000581929.png").unlink()
    assert list(missing_files(samples(root, "train"))) == IDS["train2017"]
    with pytest.raises(DataError, match=r"unknown split 'val2017'; choose from \['train', 'val'\]"):
        samples(root, "val2017")
    with pytest.raises(DataError, match="images/val2017: there is no such folder"):
        samples(root / "images", "val")
