"""From image files to files of labels, overlays and probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.inference.files import Predictor, class_names_and_palette, find_jobs
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.inference.predict import predict_labels
from tf_image_segmentation.inference.visualization import generic_palette
from tf_image_segmentation.models.registry import MODELS

PALETTE = ((0, 0, 0), (10, 200, 30), (200, 100, 50))


class Reds:
    """Stands in for a network: the class of a pixel by its red, 0, 100 or 200."""

    num_classes = 3
    spec = MODELS["fcn_32s"]
    class_names = ("wall", "window", "door")
    palette = PALETTE

    def __call__(self, images):
        return -tf.abs(images[..., :1] - [0.0, 100.0, 200.0]) / 10


def picture(height, width, seed=0):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    image[..., 0] = np.random.default_rng(seed).choice([0, 100, 200], (height, width))
    return image


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(["b.png", "ä b.png", "a.PNG"]):
        Image.fromarray(picture(20 + number, 30, number)).save(folder / name)
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "._a.png").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    return folder


def run(images, output, **options):
    jobs = find_jobs([images], output, **{k: options.pop(k) for k in ("resume",) if k in options})
    skip_bad = options.pop("skip_bad", False)
    predictor = Predictor(Reds(), PredictionOptions(**options))
    return predictor.run(jobs, skip_bad, progress=False)


def test_labels_are_palette_pngs_of_class_ids(folder, tmp_path):
    assert run(folder, tmp_path / "out") == []
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    endings = ("_labels.png", "_overlay.jpg")
    assert names == sorted(stem + ending for stem in ("a", "b", "ä b") for ending in endings)
    for number, name in enumerate(["b.png", "ä b.png", "a.PNG"]):
        stem = name.split(".")[0]
        with Image.open(tmp_path / "out" / f"{stem}_labels.png") as labels:
            assert labels.mode == "P"
            np.testing.assert_array_equal(labels, picture(20 + number, 30, number)[..., 0] // 100)
            colors = np.asarray(labels.convert("RGB"))
        expected = np.array(PALETTE)[picture(20 + number, 30, number)[..., 0] // 100]
        np.testing.assert_array_equal(colors, expected)


def test_overlay_is_the_image_in_colors_with_a_legend(tmp_path):
    image = np.full((32, 64, 3), (0, 100, 100), np.uint8)
    image[:, 32:, 0] = 200
    Image.fromarray(image).save(tmp_path / "x.png")
    run(tmp_path / "x.png", tmp_path / "out")
    overlay = np.asarray(Image.open(tmp_path / "out" / "x_overlay.jpg")).astype(int)
    assert overlay.shape[0] == 120 and overlay.shape[1] > 64 + 60
    for column, blended in ((10, (0, 50, 50)), (50, (200, 100, 75))):
        assert abs(overlay[16, column] - blended).max() < 8  # it is a JPEG
    assert (overlay[60:, :64] > 250).all()
    assert (overlay[:60, 64:] < 128).any()


@pytest.mark.parametrize("crf", [None, CrfParameters(iterations=1)])
@pytest.mark.parametrize("options", [{}, {"window": 32, "overlap": 8}, {"flip": True}])
def test_probabilities_are_those_of_the_labels(tmp_path, options, crf):
    if crf is not None:
        pytest.importorskip("pydensecrf")
    Image.fromarray(picture(40, 70)).save(tmp_path / "x.png")
    run(tmp_path / "x.png", tmp_path / "out", **options, crf=crf, probabilities=True)
    with np.load(tmp_path / "out" / "x_probabilities.npz", allow_pickle=False) as stored:
        assert stored["class_names"].tolist() == ["wall", "window", "door"]
        probabilities = stored["probabilities"]
    assert (probabilities.shape, probabilities.dtype) == ((40, 70, 3), np.float16)
    np.testing.assert_allclose(probabilities.astype(float).sum(-1), 1, atol=2e-3)
    labels = np.asarray(Image.open(tmp_path / "out" / "x_labels.png"))
    np.testing.assert_array_equal(probabilities.argmax(-1), labels)
    expected = predict_labels(Reds(), picture(40, 70), **options, crf=crf)
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize(
    ("mode", "name"),
    [("L", "x.png"), ("LA", "x.png"), ("RGBA", "x.png"), ("P", "x.png"), ("CMYK", "x.jpg")],
)
def test_any_channel_layout(tmp_path, mode, name):  # fault 3
    Image.fromarray(picture(30, 40)).convert(mode).save(tmp_path / name)
    run(tmp_path / name, tmp_path / "out")
    assert Image.open(tmp_path / "out" / "x_labels.png").size == (40, 30)


def test_exif_orientation_is_respected(tmp_path):  # fault 5
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    Image.fromarray(picture(30, 40)).save(tmp_path / "x.png", exif=exif)
    run(tmp_path / "x.png", tmp_path / "out")
    labels = np.asarray(Image.open(tmp_path / "out" / "x_labels.png"))
    np.testing.assert_array_equal(labels, np.rot90(picture(30, 40)[..., 0] // 100, -1))


def test_large_overlays_are_shrunk_and_labels_are_not(tmp_path):
    Image.fromarray(picture(5, 5000)).save(tmp_path / "x.png")
    run(tmp_path / "x.png", tmp_path / "out")
    assert Image.open(tmp_path / "out" / "x_labels.png").size == (5000, 5)
    assert Image.open(tmp_path / "out" / "x_overlay.jpg").width < 2048 + 400


def test_a_large_image_has_a_progress_bar_of_its_own(tmp_path, capsys):
    Image.fromarray(picture(70, 100)).save(tmp_path / "x.png")
    jobs = find_jobs([tmp_path / "x.png"], tmp_path / "out")
    Predictor(Reds(), PredictionOptions(window=32, overlap=8)).run(jobs)
    assert "/7.00k" in capsys.readouterr().err


def test_a_bad_image_stops_or_is_skipped_and_named(folder, tmp_path):  # fault 1
    data = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"b\.png: .*--skip-bad goes on"):
        run(folder, tmp_path / "out")
    assert not list((tmp_path / "out").glob(".partial*"))
    (reason,) = run(folder, tmp_path / "out", skip_bad=True, resume=True)
    assert "b.png" in reason
    assert len(list((tmp_path / "out").glob("*_labels.png"))) == 2


def test_results_are_replaced_only_when_asked(folder, tmp_path):  # fault 39
    output = tmp_path / "out"
    run(folder / "b.png", output)
    before = (output / "b_labels.png").stat().st_mtime_ns
    with pytest.raises(DataError, match=r"has results for 1 of 3 images, such as b_labels\.png"):
        find_jobs([folder], output)
    assert [job.image.name for job in find_jobs([folder], output, overwrite=True)] == [
        "a.PNG",
        "b.png",
        "ä b.png",
    ]
    run(folder, output, resume=True)
    assert len(list(output.glob("*_labels.png"))) == 3
    assert (output / "b_labels.png").stat().st_mtime_ns == before
    assert find_jobs([folder], output, resume=True) == []


def test_an_image_counts_as_done_once_all_its_files_are_there(folder, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tf_image_segmentation.inference.files.palette_image", fail)
        with pytest.raises(OSError, match="No space left"):
            run(folder / "b.png", tmp_path / "out")
    assert [job.image.name for job in find_jobs([folder / "b.png"], tmp_path / "out")] == ["b.png"]


def test_what_cannot_be_done_is_found_first(folder, tmp_path):  # fault 20
    with pytest.raises(DataError, match=r"missing: .*x\.png, .*y\.png"):
        find_jobs([tmp_path / "x.png", folder, tmp_path / "y.png"], tmp_path / "out")
    Image.fromarray(picture(8, 8)).save(folder / "b.jpg")
    with pytest.raises(DataError, match=r"one name for several images: .*b\.jpg and .*b\.png"):
        find_jobs([folder], tmp_path / "out")
    with pytest.raises(DataError, match="results would be taken for images"):
        find_jobs([folder], folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no JPEG or PNG files"):
        find_jobs([tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(DataError, match="gives labels alone: leave out scales, flip, crf and prob"):
        PredictionOptions("resize", probabilities=True)
    with pytest.raises(DataError, match="window must be a multiple of 32 for this model"):
        Predictor(Reds(), PredictionOptions(window=1000))
    assert not (tmp_path / "out").exists()


class Foreign(Reds):
    """A network that comes without names and colors."""

    class_names = palette = None


def test_names_and_colors_of_the_classes():  # fault 62
    assert class_names_and_palette(Reds()) == (("wall", "window", "door"), PALETTE)
    assert class_names_and_palette(Foreign()) == ((), generic_palette(3))
    network = Foreign()
    network.num_classes = 11
    names, palette = class_names_and_palette(network, "camvid")
    assert (names[0], palette[0]) == ("sky", (128, 128, 128))
    with pytest.raises(DataError, match="the checkpoint has 3 classes; dataset 'camvid' has 11"):
        class_names_and_palette(Foreign(), "camvid")
    network = Reds()
    network.class_names, network.num_classes = tuple("abcdefghijk"), 11
    with pytest.raises(DataError, match=r"has 11 classes: a, b, c.* has 11: sky"):
        class_names_and_palette(network, "camvid")
