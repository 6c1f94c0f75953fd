from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.errors import DataError

VOC = get_dataset("voc")
IDS = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
COLORS = np.array([(0, 0, 0), (255, 0, 204), (0, 255, 133)], np.uint8)
LABELMAP = """\
# label:color_rgb:parts:actions
background:0,0,0::
bone:255,0,204::
cartilage:0,255,133::
"""


def write(root, *names, mask=None, labelmap=LABELMAP, folder="SegmentationClass"):
    mask = Image.fromarray(COLORS[IDS]) if mask is None else mask
    for name in names:
        for place, suffix in (("JPEGImages", ".jpg"), (folder, ".png")):
            (root / place / f"{name}{suffix}").parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (3, 2)).save(root / "JPEGImages" / f"{name}.jpg")
        mask.save(root / folder / f"{name}.png")
    if labelmap:
        (root / "labelmap.txt").write_text(labelmap)


def write_list(root, name, text):
    (root / "ImageSets/Segmentation").mkdir(parents=True, exist_ok=True)
    (root / "ImageSets/Segmentation" / name).write_text(text)


def read(root):
    info, splits = VOC.open(root)
    (sample,) = splits["train"]
    return read_sample(sample, info).mask.tolist()


def palette_mask(ids, palette):
    image = Image.fromarray(ids).convert("P")
    image.putpalette(np.array(palette, np.uint8).ravel().tolist())
    return image


@pytest.mark.parametrize(
    "mask",
    [
        Image.fromarray(COLORS[IDS]),
        Image.fromarray(IDS),
        Image.fromarray(np.repeat(IDS[..., None], 3, axis=2)),
        palette_mask(IDS, COLORS),
        palette_mask(2 - IDS, COLORS[::-1]),  # the colors count where the palette has them
        palette_mask(IDS, [(0, 0, 0), (128, 0, 0), (0, 128, 0)]),
    ],
)
def test_masks_of_colors_ids_and_palettes(tmp_path, mask):
    write(tmp_path, "a", mask=mask)
    assert VOC.open(tmp_path).info.class_names == ("background", "bone", "cartilage")
    assert read(tmp_path) == IDS.tolist()


def test_lists_of_any_name(tmp_path):
    write(tmp_path, "a", "b", "c d", "sub/e")
    assert VOC.open(tmp_path).info.splits == {"train": 4}, "without lists all is train"
    write_list(tmp_path, "default.txt", 'a\nb.jpg\n"c d"\nsub/e\n')
    (found,) = VOC.open(tmp_path).splits.values()
    assert [sample.image_id for sample in found] == ["a", "b", "c d", "sub/e"]
    assert not missing_files(found)
    write_list(tmp_path, "default.txt", "")
    write_list(tmp_path, "Train.txt", "a\nb\n")
    write_list(tmp_path, "Validation.txt", "c d\n")
    write_list(tmp_path, "trainval.txt", "a\nb\nc d\n")
    assert VOC.open(tmp_path).info.splits == {"train": 2, "val": 1}
    write_list(tmp_path, "Test.txt", "sub/gone\n")
    (sample,) = VOC.open(tmp_path).splits["test"]
    assert missing_files([sample])["sub/gone"].count("missing") == 2


def test_masks_in_no_list_are_said(tmp_path, caplog):
    write(tmp_path, "a", "b")
    write_list(tmp_path, "train.txt", "a\n")
    VOC.open(tmp_path)
    assert "1 masks are in no list and are left out, such as b" in caplog.text


def test_class_names_of_labelme2voc(tmp_path):
    write(tmp_path, "a", mask=Image.fromarray(IDS), labelmap="")
    (tmp_path / "class_names.txt").write_text("_background_\nleaf\nstem")
    assert VOC.open(tmp_path).info.class_names == ("background", "leaf", "stem")
    assert read(tmp_path) == IDS.tolist()
    voc_colors = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0)], np.uint8)
    write(tmp_path, "a", mask=Image.fromarray(voc_colors[IDS]), labelmap="")
    assert read(tmp_path) == IDS.tolist()
    void = IDS.copy()
    void[0, 0] = 255
    write(tmp_path, "a", mask=Image.fromarray(void), labelmap="")
    assert read(tmp_path) == void.tolist()
    (tmp_path / "labelmap.txt").write_text(LABELMAP)
    with pytest.raises(DataError, match=r"labelmap\.txt names background, bone, cartilage, but"):
        VOC.open(tmp_path)


def test_masks_of_old_labelme2voc_lie_beside_arrays(tmp_path):
    write(tmp_path, "a", folder="SegmentationClassPNG")
    (tmp_path / "SegmentationClass").mkdir()
    (tmp_path / "SegmentationClass/a.npy").touch()
    assert read(tmp_path) == IDS.tolist()


def test_labelmaps(tmp_path):
    write(tmp_path, "a", labelmap="bone:255,0,204::\nignored:0,255,133::\n")
    assert VOC.open(tmp_path).info.class_names == ("background", "bone")
    assert read(tmp_path) == np.where(IDS == 2, 255, IDS).tolist()
    write(tmp_path, "a", mask=Image.fromarray(IDS), labelmap="background:::\nx:::\ny:1,2::\n")
    with pytest.raises(DataError, match=r"'y:1,2::' is no line such as 'car:0,128,255::'"):
        VOC.open(tmp_path)
    write(tmp_path, "a", mask=Image.fromarray(IDS), labelmap="background:::\nx:::\ny:::\n")
    assert VOC.open(tmp_path).info.palette == ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    assert read(tmp_path) == IDS.tolist()
    (tmp_path / "labelmap.txt").write_text("background:::\nx:1,2,3::\n")
    with pytest.raises(DataError, match="some labels have no color; give one to all or none"):
        VOC.open(tmp_path)


def test_what_is_missing_is_said_with_the_way_out(tmp_path):
    with pytest.raises(DataError, match="has no folder SegmentationClass with"):
        VOC.open(tmp_path)
    write(tmp_path, "a", labelmap="")
    with pytest.raises(DataError, match=r"names the classes; write their names into class_names"):
        VOC.open(tmp_path)
    write(tmp_path, "a")
    (tmp_path / "JPEGImages").rename(tmp_path / "pictures")
    with pytest.raises(DataError, match=r"CVAT: 'Save images'\), or copy them there"):
        VOC.open(tmp_path)


def test_unknown_colors_are_an_error(tmp_path):
    write(tmp_path, "a", labelmap="background:0,0,0::\nbone:255,0,204::\n")
    with pytest.raises(DataError, match=r"not in the palette .*\(0, 255, 133\) \(2 pixels\)"):
        read(tmp_path)
