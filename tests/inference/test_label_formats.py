"""Labels in every format, and read again by what converts datasets."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import tifffile
from fake_network import Reds, Scenes, picture_of, save_picture
from PIL import Image
from scipy import ndimage

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.files import Predictor, find_jobs
from tf_image_segmentation.inference.formats import FORMATS, Classes, Labeled, make_format
from tf_image_segmentation.inference.jobs import Job


def blobs(seed, height=37, width=53, smooth=2.5):
    """Labels with regions of many shapes, some of them with holes."""
    noise = np.random.default_rng(seed).normal(size=(height, width))
    return np.digitize(ndimage.gaussian_filter(noise, smooth), [-0.05, 0.06]).astype(np.uint8)


def speckles(seed):
    return np.random.default_rng(seed).integers(0, 3, (19, 23), np.uint8)


def ring():
    labels = np.zeros((12, 14), np.uint8)
    labels[2:10, 2:10] = 1
    labels[4:8, 4:8] = 0
    labels[5:7, 5:7] = 2
    return labels


@pytest.fixture
def folder(tmp_path):
    """Pictures of known labels, and the labels by name."""
    labels = {"a": blobs(1), "b": speckles(2), "c": ring(), "d.x": blobs(3)}
    for name, each in labels.items():
        save_picture(tmp_path / "in" / f"{name}.png", each)
    return tmp_path / "in", labels


def predict(images, output, label_format, network=None, **options):
    keywords = {k: options.pop(k) for k in ("recursive", "all_pages", "resume") if k in options}
    chosen = make_format(label_format, output)
    jobs = find_jobs([images], output, label_format=chosen, **keywords)
    predictor = Predictor(network or Reds(), label_format=chosen, **options)
    predictor.run(jobs, progress=False)


def converted(layout, root):
    """Masks by id, as a conversion reads them."""
    info, splits = get_dataset(layout).open(root)
    samples = [sample for split in splits.values() for sample in split]
    checked = {sample.image_id: read_sample(sample, info) for sample in samples}
    return info, checked


@pytest.mark.parametrize("layout", ["coco", "labelme"])
@pytest.mark.parametrize("network", [Reds, Scenes])
def test_converters_read_the_same_masks(folder, tmp_path, layout, network):
    pytest.importorskip("pycocotools")
    images, labels = folder
    predict(images, tmp_path / "out", layout, network())
    info, checked = converted(layout, tmp_path / "out" / layout)
    assert set(checked) == set(labels)
    names = network.class_names
    for name, sample in checked.items():
        found = np.array(info.class_names)[sample.mask]
        np.testing.assert_array_equal(found, np.array(names)[labels[name]])
        with Image.open(io.BytesIO(sample.encoded_image)) as image:
            np.testing.assert_array_equal(np.asarray(image), picture_of(labels[name]))
    if network is Reds:  # then the ids are the same, too
        assert info.class_names == names
    if layout == "labelme":
        assert info.palette[:3] == network.palette


def test_regions_without_holes_are_polygons_and_others_run_lengths(folder, tmp_path):
    pytest.importorskip("pycocotools")
    images, _ = folder
    predict(images, tmp_path / "out", "coco")
    text = (tmp_path / "out/coco/annotations/instances_predicted.json").read_text()
    fields = json.loads(text)
    (number,) = (image["id"] for image in fields["images"] if image["file_name"] == "c.png")
    found = {each["area"]: each for each in fields["annotations"] if each["image_id"] == number}
    assert set(found) == {64 - 16, 4}
    assert isinstance(found[4]["segmentation"], list)
    assert sorted(found[4]["segmentation"][0]) == [5, 5, 5, 5, 7, 7, 7, 7]  # corners of pixels
    assert found[48]["segmentation"]["size"] == [12, 14]
    assert found[48]["bbox"] == [2, 2, 8, 8]


def test_labelme_draws_what_is_in_a_hole_over_it(tmp_path):
    save_picture(tmp_path / "in/c.png", ring())
    predict(tmp_path / "in", tmp_path / "out", "labelme")
    shapes = json.loads((tmp_path / "out/labelme/c.json").read_text())["shapes"]
    assert [shape["label"] for shape in shapes] == ["window", "background", "door"]
    assert {shape["shape_type"] for shape in shapes} == {"polygon"}
    assert shapes[0]["points"][0] == [9.5, 2.5] or [2.5, 2.5] in shapes[0]["points"]


@pytest.mark.parametrize("layout", ["coco", "labelme"])
def test_a_tolerance_leaves_corners_out(tmp_path, layout):
    pytest.importorskip("pycocotools")
    rows, columns = np.mgrid[:60, :60]
    disk = ((rows - 30) ** 2 + (columns - 30) ** 2 < 400).astype(np.uint8)
    save_picture(tmp_path / "in/a.png", disk)
    sizes = {}
    for tolerance in (0, 1.5):
        output = tmp_path / f"out{tolerance}"
        predict(tmp_path / "in", output, {"name": layout, "tolerance": tolerance})
        (path,) = output.glob("*/parts/a.json" if layout == "coco" else "*/a.json")
        sizes[tolerance] = len(path.read_text())
        (sample,) = converted(layout, output / layout)[1].values()
        assert (sample.mask != disk).mean() < (0.03 if tolerance else 1e-9)
    assert sizes[1.5] < sizes[0] / 2


@pytest.mark.parametrize("layout", ["coco", "labelme"])
def test_other_images_are_brought_to_what_tools_read(tmp_path, layout):
    pytest.importorskip("pycocotools")
    labels = blobs(5)
    save_picture(tmp_path / "in/a.tif", labels)
    save_picture(tmp_path / "in/sub/b.png", labels)
    exif = Image.Exif()
    exif[0x0112] = 6
    save_picture(tmp_path / "in/c.png", labels, exif=exif)
    pages = [Image.fromarray(picture_of(page)) for page in (labels, labels[::-1].copy())]
    pages[0].save(tmp_path / "in/d.tif", save_all=True, append_images=pages[1:])
    predict(tmp_path / "in", tmp_path / "out", layout, recursive=True, all_pages=True)
    _, checked = converted(layout, tmp_path / "out" / layout)
    sub = "sub/b" if layout == "coco" else "sub__b"
    expected = {"a": labels, sub: labels, "c": np.rot90(labels, -1)}
    expected |= {"d_0000": labels, "d_0001": labels[::-1]}
    assert set(checked) == set(expected)
    for name, mask in expected.items():
        np.testing.assert_array_equal(checked[name].mask, mask)
    (original,) = (tmp_path / "out" / layout).rglob("*b.png")
    assert original.read_bytes() == (tmp_path / "in/sub/b.png").read_bytes()


def test_a_run_that_resumes_lists_all_images(folder, tmp_path):
    pytest.importorskip("pycocotools")
    images, labels = folder
    predict(images / "a.png", tmp_path / "out", "coco")
    predict(images, tmp_path / "out", "coco", resume=True)
    assert set(converted("coco", tmp_path / "out/coco")[1]) == set(labels)
    with pytest.raises(DataError, match=r"has results for 4 of 4 images, such as a\.json"):
        predict(images, tmp_path / "out", "coco")


def test_tiff_labels_are_gray_values_and_a_stack_is_one_file(tmp_path):
    stack = np.stack([blobs(seed) for seed in range(3)])
    pages = [Image.fromarray(picture_of(page)) for page in stack]
    (tmp_path / "in").mkdir()
    pages[0].save(tmp_path / "in/scan.tif", save_all=True, append_images=pages[1:])
    save_picture(tmp_path / "in/one.png", stack[0])
    predict(tmp_path / "in", tmp_path / "out", "tiff", all_pages=True)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out/scan_labels.tif"), stack)
    with Image.open(tmp_path / "out/one_labels.tif") as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), stack[0])
    assert (tmp_path / "out/scan_0002_overlay.jpg").exists()
    assert len(list((tmp_path / "out").glob("*_labels*"))) == 2


def test_volumes_keep_their_affine(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    reds = np.stack([blobs(seed) for seed in range(3)]) * np.uint8(100)
    affine = np.array([[0.7, 0.1, 0, -20], [0, -0.7, 0, 30], [0, 0, 2.5, 5], [0, 0, 0, 1.0]])
    (tmp_path / "in").mkdir()
    volume = nibabel.Nifti1Image(np.transpose(reds, (2, 1, 0)), affine)
    volume.header.set_xyzt_units("mm")
    nibabel.save(volume, tmp_path / "in/scan.nii.gz")

    class Grays(Reds):
        def __call__(self, images):
            return super().__call__(images)

    predict(tmp_path / "in", tmp_path / "out", "auto", Grays(), all_pages=True)
    labels = nibabel.load(tmp_path / "out/scan_labels.nii.gz")
    np.testing.assert_allclose(labels.affine, affine, atol=1e-6)
    assert labels.get_data_dtype() == np.uint8 and labels.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(labels.header.get_zooms(), volume.header.get_zooms(), atol=1e-6)
    np.testing.assert_array_equal(np.asarray(labels.dataobj), np.transpose(reds // 100, (2, 1, 0)))
    save_picture(tmp_path / "in/a.png", blobs(0))
    with pytest.raises(DataError, match=r"a\.png: no NIfTI files"):
        predict(tmp_path / "in/a.png", tmp_path / "out", "nifti")


class Voc(Reds):
    num_classes = 21
    class_names = get_dataset("pascal_voc").info.class_names
    palette = get_dataset("pascal_voc").info.palette

    def __call__(self, images):
        return -abs(images[..., :1] - np.arange(21, dtype=np.float32) * 10)


def test_voc_submission(tmp_path):
    labels = np.arange(21, dtype=np.uint8).repeat(4).reshape(7, 12)
    image = np.zeros((7, 12, 3), np.uint8)
    image[..., 0] = labels * 10
    Image.fromarray(image).save(tmp_path / "2008_000006.png")
    predict(tmp_path / "2008_000006.png", tmp_path / "out", "voc_submission", Voc())
    path = tmp_path / "out/results/VOC2012/Segmentation/comp6_test_cls/2008_000006.png"
    with Image.open(path) as found:
        np.testing.assert_array_equal(np.asarray(found), labels)
        assert tuple(found.getpalette()) == tuple(np.ravel(voc_color_map()))
    with pytest.raises(DataError, match="the checkpoint has 3 classes"):
        predict(tmp_path / "2008_000006.png", tmp_path / "new", "voc_submission")
    assert not (tmp_path / "new").exists()


class Cityscapes(Voc):
    num_classes = 19
    class_names = get_dataset("cityscapes").info.class_names
    palette = get_dataset("cityscapes").info.palette

    def __call__(self, images):
        return super().__call__(images)[..., :19]


def test_cityscapes_submission_has_label_ids(tmp_path):
    image = np.zeros((1, 19, 3), np.uint8)
    image[0, :, 0] = np.arange(19) * 10
    name = "berlin_000000_000019"
    Image.fromarray(image).save(tmp_path / f"{name}_leftImg8bit.png")
    predict(
        tmp_path / f"{name}_leftImg8bit.png",
        tmp_path / "out",
        "cityscapes_submission",
        Cityscapes(),
    )
    with Image.open(tmp_path / f"out/cityscapes/{name}_pred.png") as found:
        # The authors' table: https://github.com/mcordts/cityscapesScripts, helpers/labels.py.
        ids = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
        assert found.mode == "L" and np.asarray(found)[0].tolist() == ids
    Image.fromarray(image).save(tmp_path / "x.png")
    with pytest.raises(DataError, match="is not named <city>_<sequence>_<frame>"):
        predict(tmp_path / "x.png", tmp_path / "out", "cityscapes_submission", Cityscapes())


def test_formats_are_chosen_by_name(tmp_path):
    assert set(FORMATS) >= {"auto", "png", "tiff", "nifti", "coco", "labelme", "voc_submission"}
    with pytest.raises(DataError, match="unknown format 'jpeg'; choose from"):
        make_format("jpeg", tmp_path)
    with pytest.raises(DataError, match="format 'png' takes no tolerance"):
        make_format({"name": "png", "tolerance": 1}, tmp_path)
    made = make_format("labelme", tmp_path)
    with pytest.raises(DataError, match="would be read as ignored pixels"):
        made.check([], Classes(("background", "void"), ((0, 0, 0), (1, 1, 1)), 0))


@pytest.mark.parametrize("name", ["tiff", "nifti"])
def test_a_stack_with_a_skipped_page_takes_none_of_another(tmp_path, name):
    label_format, labels = make_format(name, tmp_path / "out"), np.zeros((5, 7), np.uint8)
    classes = Classes(("background", "cell"), ((0, 0, 0), (255, 0, 0)))
    for stack, page in (("a", 0), ("b", 1)):  # page 1 of a and page 0 of b were skipped
        job = Job(tmp_path / stack, tmp_path / "out" / f"{stack}_{page:04}", page, pages=2)
        image = np.zeros((5, 7, 3), np.uint8)
        label_format.write(Labeled(job, image, labels, classes), tmp_path)
        assert not label_format.target(job).exists()
