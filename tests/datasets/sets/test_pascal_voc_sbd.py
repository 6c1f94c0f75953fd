from __future__ import annotations

import pytest

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.sets.berkeley_sbd import read_sbd_mask
from tf_image_segmentation.datasets.sets.pascal_voc_sbd import INFO, info_for_mode, union_samples
from tf_image_segmentation.errors import DataError

PUBLISHED = {1: (10582, 1449), 2: (11127, 904), 3: (11685, 346)}

# One id for each way in which the four lists can share one: p is in PASCAL VOC's train or val,
# b in Berkeley's.
LISTS = {
    "voc_train": ["pt", "pt_bt", "pt_bv"],
    "voc_val": ["pv", "pv_bt", "pv_bv"],
    "sbd_train": ["bt", "pt_bt", "pv_bt"],
    "sbd_val": ["bv", "pt_bv", "pv_bv"],
}
ALL = {"pt", "pt_bt", "pt_bv", "pv", "pv_bt", "pv_bv", "bt", "bv"}
VALIDATION = {1: {"pv", "pv_bt", "pv_bv"}, 2: {"pv", "pv_bv"}, 3: {"pv"}}


@pytest.fixture
def roots(tmp_path):
    voc, sbd = tmp_path / "VOCdevkit/VOC2012", tmp_path / "benchmark_RELEASE/dataset"
    (voc / "ImageSets/Segmentation").mkdir(parents=True)
    (voc / "JPEGImages").mkdir()
    (sbd / "img").mkdir(parents=True)
    for split in ("train", "val"):
        for folder, key in ((voc / "ImageSets/Segmentation", "voc"), (sbd, "sbd")):
            (folder / f"{split}.txt").write_text("\n".join(LISTS[f"{key}_{split}"]))
    return voc, sbd


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_who_is_in_which_split(roots, mode):
    splits = union_samples(*roots, mode)
    ids = {split: [sample.image_id for sample in splits[split]] for split in splits}
    assert ids["val"] == sorted(VALIDATION[mode])
    assert ids["train"] == sorted(ALL - VALIDATION[mode])


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_which_mask_and_image_come_from_where(roots, mode):
    voc, sbd = roots
    splits = union_samples(voc, sbd, mode)
    for sample in splits["val"]:
        assert sample.mask == voc / f"SegmentationClass/{sample.image_id}.png"
        assert sample.read_mask is None
    for sample in splits["train"]:
        if "b" in sample.image_id:
            assert sample.mask == sbd / f"cls/{sample.image_id}.mat"
            assert sample.read_mask is read_sbd_mask
        else:
            assert sample.mask == voc / f"SegmentationClass/{sample.image_id}.png"
            assert sample.read_mask is None
    for sample in splits["train"] + splits["val"]:
        folder = voc / "JPEGImages" if "p" in sample.image_id else sbd / "img"
        assert sample.image == folder / f"{sample.image_id}.jpg"


def test_voc_images_stand_in_where_sbd_has_none(roots):
    voc, sbd = roots

    def image_of_bt():
        return next(s.image for s in union_samples(voc, sbd, 2)["train"] if s.image_id == "bt")

    (voc / "JPEGImages/bt.jpg").touch()
    assert image_of_bt() == voc / "JPEGImages/bt.jpg"
    (sbd / "img/bt.jpg").touch()
    assert image_of_bt() == sbd / "img/bt.jpg"


def test_registered_as_mode_2(roots, tmp_path):
    dataset = get_dataset("pascal_voc_sbd")
    assert dataset.info is INFO
    expected = union_samples(*roots, 2)
    for split in ("train", "val"):
        assert list(dataset.open(tmp_path).splits[split]) == expected[split]


# fault 26
def test_order_does_not_depend_on_the_lists(roots):
    voc, sbd = roots
    expected = union_samples(voc, sbd, 2)
    (sbd / "train.txt").write_text("\n".join(reversed(LISTS["sbd_train"])))
    assert union_samples(voc, sbd, 2) == expected


# fault 28
@pytest.mark.parametrize("mode", [0, 4, "2", None])
def test_unknown_mode_lists_the_choices(roots, mode):
    with pytest.raises(DataError, match=r"unknown mode .*; choose from \[1, 2, 3\]"):
        union_samples(*roots, mode)
    with pytest.raises(DataError, match=r"unknown mode"):
        info_for_mode(mode)


# fault 28
def test_unknown_split_lists_the_choices(tmp_path):
    with pytest.raises(DataError, match=r"unknown split 'test'; choose from \['train', 'val'\]"):
        get_dataset("pascal_voc_sbd").open(tmp_path).splits["test"]


# fault 24
def test_ids_that_leave_the_folders_are_refused(roots):
    voc, sbd = roots
    (sbd / "train.txt").write_text("../../../x\n")
    with pytest.raises(DataError, match="would leave the folder"):
        union_samples(voc, sbd, 2)


def test_missing_folders_are_said(roots, tmp_path):
    voc, sbd = roots
    with pytest.raises(DataError, match="has no ImageSets/Segmentation"):
        union_samples(tmp_path / "absent", sbd, 2)
    with pytest.raises(DataError, match=r"has no train\.txt"):
        union_samples(voc, tmp_path / "absent", 2)


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_real_lists(shared_data, mode):
    root = shared_data / "pascal_voc"
    voc, sbd = root / "VOCdevkit/VOC2012", root / "benchmark_RELEASE/dataset"
    splits = union_samples(voc, sbd, mode)
    sizes = (len(splits["train"]), len(splits["val"]))
    assert sizes == PUBLISHED[mode]
    assert info_for_mode(mode).splits == {"train": sizes[0], "val": sizes[1]}
    ids = {split: {sample.image_id for sample in splits[split]} for split in splits}
    assert not ids["train"] & ids["val"]
    assert len(ids["train"] | ids["val"]) == 12031

    listed = {*(sbd / "train.txt").read_text().split(), *(sbd / "val.txt").read_text().split()}
    for sample in splits["train"]:
        assert (sample.mask.suffix == ".mat") == (sample.image_id in listed)
    assert {sample.mask.suffix for sample in splits["val"]} == {".png"}
    # Published: the seg11valid images are in VOC12's val and disjoint from SBD's train list.
    seg11valid = set((root / "seg11valid.txt").read_text().split())
    assert len(seg11valid) == 736
    assert mode == 3 or seg11valid <= ids["val"]
