"""The embedded dataset: what it draws, how it lies on disk, and that it reads as VOC does."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import scipy.io
from PIL import Image
from scipy import ndimage

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.masks import read_mask
from tf_image_segmentation.datasets.sets import berkeley_sbd, shapes
from tf_image_segmentation.datasets.sets.pascal_voc_sbd import union_samples
from tf_image_segmentation.datasets.toy import scene as shapes_scene
from tf_image_segmentation.datasets.toy.drawing import write_shapes
from tf_image_segmentation.datasets.toy.scene import SHAPE_CLASSES, draw_scene
from tf_image_segmentation.errors import DataError

VOC, SBD = "VOCdevkit/VOC2012", "benchmark_RELEASE/dataset"
NUM_IMAGES, IMAGE_SIZE = 48, 64


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes") / "shapes"
    write_shapes(folder, NUM_IMAGES, IMAGE_SIZE)
    return folder


@pytest.fixture(scope="module")
def default_root(tmp_path_factory):
    """As many images as by default, but small ones."""
    folder = tmp_path_factory.mktemp("default") / "shapes"
    write_shapes(folder, image_size=32)
    return folder


def read_list(path):
    return path.read_text().split()


def lists(root):
    """Returns the id sets of VOC train and val, SBD train and val."""
    voc, sbd = root / VOC / "ImageSets/Segmentation", root / SBD
    return [
        set(read_list(folder / f"{split}.txt")) for folder in (voc, sbd) for split in shapes_splits
    ]


shapes_splits = ("train", "val")


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_lie_where_voc_and_sbd_have_them(root):
    voc_train, voc_val, sbd_train, sbd_val = lists(root)
    everything = voc_train | voc_val | sbd_train | sbd_val
    assert len(everything) == NUM_IMAGES

    def stems(folder, suffix):
        return {path.name.removesuffix(suffix) for path in (root / folder).iterdir()}

    assert stems(f"{VOC}/JPEGImages", ".jpg") == everything
    assert stems(f"{VOC}/SegmentationClass", ".png") == voc_train | voc_val
    assert stems(f"{SBD}/img", ".jpg") == sbd_train | sbd_val
    assert stems(f"{SBD}/cls", ".mat") == sbd_train | sbd_val


def test_lists_overlap_as_the_real_ones_do(root):
    voc_train, voc_val, sbd_train, sbd_val = lists(root)
    assert not voc_train & voc_val
    assert not sbd_train & sbd_val
    assert voc_val & sbd_train
    assert voc_val & sbd_val
    assert voc_val - sbd_train - sbd_val
    assert voc_train & sbd_val
    assert voc_train - sbd_train - sbd_val
    in_both = (voc_train | voc_val) & (sbd_train | sbd_val)
    assert len(in_both) > len(voc_train | voc_val) / 2


def test_lists_are_sorted_and_trainval_is_their_union(root):
    folder = root / VOC / "ImageSets/Segmentation"
    train, val, both = (read_list(folder / f"{name}.txt") for name in ("train", "val", "trainval"))
    assert both == sorted(train + val)
    assert train == sorted(train)
    assert all(len(i) == 11 and "2007" <= i[:4] <= "2011" and i[4] == "_" for i in both)


def test_masks_are_palette_png_with_the_colors_of_voc(root):
    path = next((root / VOC / "SegmentationClass").iterdir())
    with Image.open(path) as mask:
        assert mask.mode == "P"
        colors = np.reshape(mask.getpalette(), [-1, 3])
    # As the VOC development kit publishes them.
    assert colors[:6].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
        [0, 0, 128],
        [128, 0, 128],
    ]
    assert colors[255].tolist() == [224, 224, 192]


def test_palette_is_that_of_the_real_masks(root, shared_data):
    real = next((shared_data / "pascal_voc" / VOC / "SegmentationClass").glob("*.png"))
    drawn = next((root / VOC / "SegmentationClass").glob("*.png"))
    assert Image.open(drawn).getpalette() == Image.open(real).getpalette()


def test_sbd_masks_are_the_voc_masks_without_border(root):
    voc_train, voc_val, sbd_train, sbd_val = lists(root)
    for image_id in sorted((voc_train | voc_val) & (sbd_train | sbd_val)):
        voc = np.asarray(Image.open(root / VOC / "SegmentationClass" / f"{image_id}.png"))
        struct = scipy.io.loadmat(root / SBD / "cls" / f"{image_id}.mat")["GTcls"]
        sbd = struct["Segmentation"][0, 0]
        assert sbd.dtype == np.uint8
        assert sbd.max() < 255
        assert 0.005 < np.mean(voc == 255) < 0.5
        np.testing.assert_array_equal(voc[voc != 255], sbd[voc != 255])
        image = Image.open(root / SBD / "img" / f"{image_id}.jpg")
        assert image.size == sbd.shape[::-1]
        assert image.format == "JPEG"


def test_sizes_vary_and_are_not_all_multiples_of_32(root):
    sizes = {Image.open(path).size for path in (root / VOC / "JPEGImages").iterdir()}
    assert len(sizes) > NUM_IMAGES / 2
    assert any(width % 32 and height % 32 for width, height in sizes)
    assert {side for size in sizes for side in size} <= set(range(56, 73))


def test_border_runs_along_every_object_and_is_two_to_three_pixels_wide():
    total_border = total_edge = 0
    for seed in range(20):
        scene = draw_scene(np.random.default_rng(seed), 120, 150)
        # Where two neighbors differ in class there is an outline, and it must be in the border.
        for axis in (0, 1):
            edge = np.diff(scene.classes.astype(int), axis=axis) != 0
            first, second = (
                np.split(scene.border, [-1], axis)[0],
                np.split(scene.border, [1], axis)[1],
            )
            assert np.mean((first | second)[edge]) == 1
            total_edge += np.count_nonzero(edge)
        # No pixel of the border is far from a change of class or of object.
        assert ndimage.distance_transform_cdt(scene.border).max() <= 3
        total_border += np.count_nonzero(scene.border)
    # A line at a random angle crosses 4 / pi pixel edges for each pixel of its length.
    assert 2 <= total_border / (total_edge * np.pi / 4) <= 3


def test_objects_hide_the_outlines_behind_them(monkeypatch):
    look = {"hue": 0.0, "texture": lambda rng, plane: np.zeros(plane.x.shape)}
    half = shapes_scene.ShapeClass(lambda plane, radius: plane.x, **look)
    everything = shapes_scene.ShapeClass(lambda plane, radius: plane.x * 0 - 10, **look)
    monkeypatch.setattr(shapes_scene, "SHAPE_CLASSES", {"half": half, "everything": everything})
    scenes = [draw_scene(np.random.default_rng(seed), 40, 40) for seed in range(20)]
    covered = [scene for scene in scenes if (scene.classes == 2).all()]
    assert 3 < len(covered) < 17
    assert not any(scene.border.any() for scene in covered)


def test_every_class_is_in_many_pictures_of_every_split(default_root):
    splits = union_samples(default_root / VOC, default_root / SBD, 2)
    for samples in splits.values():
        pictures = np.zeros(256, int)  # that show a class
        for sample in samples:
            pictures[np.unique((sample.read_mask or read_mask)(sample.mask))] += 1
        assert (pictures[1:6] > len(samples) / 5).all(), pictures[:6]
        assert pictures[0] == len(samples)
        assert not pictures[6:255].any()


def test_objects_differ_in_color_by_class():
    """The mean hue of a class lies near its typical hue, so that a thin network can learn it."""
    for index, (name, shape_class) in enumerate(SHAPE_CLASSES.items(), start=1):
        hues = []
        for seed in range(30):
            scene = draw_scene(np.random.default_rng(seed), 96, 96)
            inside = (scene.classes == index) & ~scene.border
            hsv = np.asarray(Image.fromarray(scene.image).convert("HSV"))
            hues.extend(hsv[inside][:, 0] / 255 - shape_class.hue)
        distance = np.abs((np.array(hues) + 0.5) % 1 - 0.5)
        assert np.median(distance) < 0.07, name


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_modes_give_what_the_lists_say(root, mode):
    _, voc_val, sbd_train, sbd_val = lists(root)
    val = {1: voc_val, 2: voc_val - sbd_train, 3: voc_val - sbd_train - sbd_val}[mode]
    splits = union_samples(root / VOC, root / SBD, mode)
    assert [sample.image_id for sample in splits["val"]] == sorted(val)
    assert len(splits["train"]) == NUM_IMAGES - len(val)
    assert all(sample.image.is_file() and sample.mask.is_file() for sample in splits["train"])


def test_default_set_has_60_validation_images_in_mode_2(default_root):
    sizes = {}
    for mode in (1, 2, 3):
        splits = union_samples(default_root / VOC, default_root / SBD, mode)
        sizes[mode] = (len(splits["train"]), len(splits["val"]))
    assert sizes == {1: (384, 96), 2: (420, 60), 3: (457, 23)}
    assert shapes.INFO.splits == {"train": 420, "val": 60}


def test_registry_gives_the_union(root):
    dataset = get_dataset("shapes")
    assert dataset.info.class_names[0] == "background"
    assert dataset.info.num_classes == 6
    assert dataset.info.ignore_label == 255
    expected = union_samples(root / VOC, root / SBD, 2)
    for split in shapes_splits:
        assert list(dataset.open(root).splits[split]) == expected[split]
    masks = {s.read_mask for s in dataset.open(root).splits["train"]}
    assert masks == {None, berkeley_sbd.read_sbd_mask}


def test_fault_28_unknown_split_lists_the_choices(root):
    with pytest.raises(DataError, match=r"unknown split 'test'; choose from \['train', 'val'\]"):
        list(get_dataset("shapes").open(root).splits["test"])


# fault 26
def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        write_shapes(tmp_path / name, 16, 32, seed)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a") != digests(tmp_path / "c")
    # The time of writing, which scipy puts into a .mat file, is not in there.
    mat = next((tmp_path / "a" / SBD / "cls").iterdir()).read_bytes()
    assert b"Created on" not in mat


def test_smallest_set_still_has_every_overlap(tmp_path):
    write_shapes(tmp_path / "shapes", 16, 32)
    test_lists_overlap_as_the_real_ones_do(tmp_path / "shapes")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_images": 15}, "num_images is 15, but must be at least 16"),
        ({"image_size": 31}, "image_size is 31, but must be at least 32"),
        ({"seed": -1}, "seed is -1, but must be at least 0"),
    ],
)
def test_numbers_too_small(tmp_path, arguments, words):
    with pytest.raises(DataError, match=words):
        write_shapes(tmp_path / "shapes", **arguments)
    assert not list(tmp_path.iterdir())


def test_existing_set_is_replaced_only_on_demand(tmp_path):
    write_shapes(tmp_path / "shapes", 16, 32, 0)
    before = digests(tmp_path / "shapes")
    with pytest.raises(DataError, match=r"exists and is not empty; .*--overwrite"):
        write_shapes(tmp_path / "shapes", 16, 32, 1)
    assert digests(tmp_path / "shapes") == before
    write_shapes(tmp_path / "shapes", 16, 32, 1, overwrite=True)
    assert digests(tmp_path / "shapes") != before
    assert [path.name for path in tmp_path.iterdir()] == ["shapes"]


def test_real_voc_is_never_overwritten(tmp_path):
    lists_folder = tmp_path / "data" / VOC / "ImageSets/Segmentation"
    lists_folder.mkdir(parents=True)
    with pytest.raises(DataError, match=r"no shapes\.json\).*not overwritten"):
        write_shapes(tmp_path / "data", 16, 32, overwrite=True)
    assert lists_folder.is_dir()


# fault 27
def test_interrupted_drawing_leaves_nothing(tmp_path, monkeypatch):
    from tf_image_segmentation.datasets.toy import drawing as shapes_drawing

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(shapes_drawing, "draw_scene", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_shapes(tmp_path / "shapes", 16, 32)
    assert not list(tmp_path.iterdir())


def test_script(repository, tmp_path):
    command = [sys.executable, str(repository / "scripts/make_shapes.py")]
    command += ["--output-dir", str(tmp_path / "s p"), "--num-images", "16", "--image-size", "32"]
    environment = {"PYTHONPATH": str(repository)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "16/16" in done.stderr
    write_shapes(tmp_path / "again", 16, 32)
    assert digests(tmp_path / "s p") == digests(tmp_path / "again")
    again = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert again.returncode == 1
    assert again.stderr.startswith("error: ")
    assert "--overwrite" in again.stderr
