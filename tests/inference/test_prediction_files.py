"""From image files to files of labels, overlays and probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from fake_network import PALETTE, Reds
from PIL import Image

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.inference.files import Predictor, class_names_and_palette, find_jobs
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.inference.predict import predict_labels
from tf_image_segmentation.inference.visualization import generic_palette


class Walls(Reds):
    """The class of a pixel by its red; none is the background."""

    class_names = ("wall", "window", "door")


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
    predictor = Predictor(Walls(), PredictionOptions(**options))
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
    expected = predict_labels(Walls(), picture(40, 70), **options, crf=crf)
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
    Predictor(Walls(), PredictionOptions(window=32, overlap=8)).run(jobs)
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
        patch.setattr("tf_image_segmentation.inference.formats.png.palette_image", fail)
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
    with pytest.raises(DataError, match="holds no images"):
        find_jobs([tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(DataError, match="gives labels alone: leave out scales, flip, crf and prob"):
        PredictionOptions("resize", probabilities=True)
    with pytest.raises(DataError, match="window must be a multiple of 32 for this model"):
        Predictor(Walls(), PredictionOptions(window=1000))
    assert not (tmp_path / "out").exists()


class Foreign(Walls):
    """A network that comes without names and colors."""

    class_names = palette = None


def test_names_and_colors_of_the_classes():  # fault 62
    assert class_names_and_palette(Walls()) == (("wall", "window", "door"), PALETTE)
    assert class_names_and_palette(Foreign()) == ((), generic_palette(3))
    network = Foreign()
    network.num_classes = 11
    names, palette = class_names_and_palette(network, "camvid")
    assert (names[0], palette[0]) == ("sky", (128, 128, 128))
    with pytest.raises(DataError, match="the checkpoint has 3 classes; dataset 'camvid' has 11"):
        class_names_and_palette(Foreign(), "camvid")
    network = Walls()
    network.class_names, network.num_classes = tuple("abcdefghijk"), 11
    with pytest.raises(DataError, match=r"has 11 classes: a, b, c.* has 11: sky"):
        class_names_and_palette(network, "camvid")


def test_the_range_of_the_checkpoint_is_applied_and_another_refused(tmp_path):  # fault 76
    class Deep(Walls):
        intensity_range = (1000.0, 2000.0)

    values = np.tile(np.array([[1000, 1392, 1784, 2000]], np.uint16), (5, 1))
    Image.fromarray(values).save(tmp_path / "x.png")
    jobs = find_jobs([tmp_path / "x.png"], tmp_path / "out")
    Predictor(Deep()).run(jobs, progress=False)
    labels = np.asarray(Image.open(tmp_path / "out" / "x_labels.png"))
    assert labels.tolist() == [[0, 1, 2, 2]] * 5
    np.testing.assert_array_equal(predict_labels(Deep(), tmp_path / "x.png"), labels)
    np.testing.assert_array_equal(predict_labels(Deep(), str(tmp_path / "x.png")), labels)
    with pytest.raises(DataError, match=r"trained with --intensity-range 1000 2000, and 0 4000"):
        Predictor(Deep(), intensity_range=(0, 4000))
    Predictor(Deep(), intensity_range=(1000, 2000))
    other = Predictor(Deep(), intensity_range=(0, 4000), allow_other_range=True)
    other.run(jobs, progress=False)
    labels = np.asarray(Image.open(tmp_path / "out" / "x_labels.png"))
    assert labels.tolist() == [[1, 1, 1, 1]] * 5
    with pytest.raises(DataError, match="is a 16-bit image"):
        predict_labels(Walls(), tmp_path / "x.png")


def test_confidence_maps_and_the_least_certain_first(tmp_path):
    (tmp_path / "in").mkdir()
    reds = {"sure": 100, "torn": 150, "rather": 130}
    for name, red in reds.items():
        Image.fromarray(np.full((6, 7, 3), (red, 0, 0), np.uint8)).save(tmp_path / f"in/{name}.png")
    jobs = find_jobs([tmp_path / "in"], tmp_path / "out")
    Predictor(Walls(), confidence=True).run(jobs, progress=False)
    rows = (tmp_path / "out" / "least_certain.csv").read_text().splitlines()
    assert rows[0] == "image,confidence"
    assert [row.split(",")[0] for row in rows[1:]] == ["torn", "rather", "sure"]
    for row in rows[1:]:
        name, mean = row.split(",")
        scores = np.exp(-np.abs(reds[name] - np.array([0, 100, 200])) / 10)
        assert abs(float(mean) - scores.max() / scores.sum()) < 0.003
        shown = np.asarray(Image.open(tmp_path / f"out/{name}_confidence.png"))
        assert (shown == round(255 * scores.max() / scores.sum())).all()
    assert not list((tmp_path / "out").glob("*.npz"))
    with pytest.raises(DataError, match="gives labels alone"):
        Predictor(Walls(), PredictionOptions("resize"), confidence=True)


def test_the_largest_region_of_chosen_classes(tmp_path):
    labels = np.zeros((20, 30), np.uint8)
    labels[2:8, 2:8], labels[12:14, 2:4], labels[2:4, 20:22], labels[10:18, 20:28] = 1, 1, 2, 2
    image = np.zeros((20, 30, 3), np.uint8)
    image[..., 0] = labels * 100
    Image.fromarray(image).save(tmp_path / "x.png")
    jobs = find_jobs([tmp_path / "x.png"], tmp_path / "out")
    for chosen, small in ((("all",), (0, 0)), (("window",), (0, 2)), (("2",), (1, 0))):
        Predictor(Reds(), keep_largest=chosen).run(jobs, progress=False)
        found = np.asarray(Image.open(tmp_path / "out" / "x_labels.png"))
        assert (found[12, 2], found[2, 20]) == small
        assert (found[4, 4], found[12, 22]) == (1, 2)
    with pytest.raises(DataError, match="--keep-largest cat: no such class; choose from window"):
        Predictor(Reds(), keep_largest=("cat",))
    with pytest.raises(DataError, match="none of the classes wall, window, door is called backg"):
        Predictor(Walls(), keep_largest=("all",))


def test_the_background_of_an_overlay_is_the_image(tmp_path):
    image = np.full((130, 140, 3), (0, 90, 160), np.uint8)
    image[40:80, 40:80, 0] = 200
    Image.fromarray(image).save(tmp_path / "x.png")
    jobs = find_jobs([tmp_path / "x.png"], tmp_path / "out")
    for outlines in (False, True):
        Predictor(Reds(), outlines=outlines).run(jobs, progress=False)
        overlay = np.asarray(Image.open(tmp_path / "out" / "x_overlay.jpg")).astype(int)
        assert abs(overlay[100, 100] - (0, 90, 160)).max() < 8
        changed = abs(overlay[60, 60] - image[60, 60]).max() > 20
        assert changed != outlines
