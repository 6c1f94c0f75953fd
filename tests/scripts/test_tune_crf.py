"""scripts/tune_crf.py, as a user runs it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from small_records import example, write_classic_records, write_records
from thin_networks import thin_network

from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.inference.predict import predict_labels
from tf_image_segmentation.models import Network, fcn_32s

pytest.importorskip("pydensecrf")

COUNT = 6


@pytest.fixture(scope="module")
def pairs():
    return [example(24 + 3 * number, 44 - 2 * number, seed=number) for number in range(COUNT)]


@pytest.fixture(scope="module")
def records(tmp_path_factory, pairs):
    return write_records(tmp_path_factory.mktemp("tune"), {"val": pairs}, num_shards=2)


@pytest.fixture(scope="module")
def network():
    return thin_network(fcn_32s, 3, seed=2, side=64)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, network):
    folder = tmp_path_factory.mktemp("model") / "best"
    network.save(folder / "model-7")
    return folder


@pytest.fixture
def tune(run_script, checkpoint, records):
    def run(output, *options, **changed):
        named = {"checkpoint": checkpoint, "tfrecords": records, "output-dir": output, **changed}
        arguments = [f"--{name}={value}" for name, value in named.items()]
        return run_script("tune_crf.py", *arguments, "--workers", 1, *options)

    return run


SEARCH = ["--images", 4, "--trials", 3, "--range", "bilateral_sxy=2:10", "iterations=1:3"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Where the first test that needs a finished search puts it."""
    return tmp_path_factory.mktemp("finished") / "new" / "search"


@pytest.fixture
def search(tune, finished):
    result = tune(finished, *SEARCH, "--flip")
    assert result.returncode == 0, result.stderr
    return result


def mean_iou(network, pairs, **options):
    counts = np.zeros((3, 3), np.int64)
    for image, mask in pairs:
        predicted = predict_labels(network, image, flip=True, **options)
        for true in range(3):
            for guess in range(3):
                counts[true, guess] += np.sum((mask == true) & (predicted == guess))
    right = np.diag(counts)
    return (right / (counts.sum(axis=0) + counts.sum(axis=1) - right)).mean()


def test_the_best_is_worth_what_it_says(search, finished, network, pairs):
    best = json.loads((finished / "best.json").read_text())
    lines = [json.loads(line) for line in (finished / "trials.jsonl").read_text().splitlines()]
    searched = [line for line in lines if line["part"] == "searched"]
    assert len(searched) == 5
    top = max(searched[1:], key=lambda line: line["metrics"]["mean_iou"])
    assert best["parameters"] == top["parameters"]
    assert best["searched_images"] == ["val0", "val1", "val3", "val4"]
    chosen = {"searched": [0, 1, 3, 4], "held_out": [2, 5]}
    variants = {
        "without CRF": None,
        "defaults": CrfParameters(),
        "best": CrfParameters(**best["parameters"]),
    }
    for place, numbers in chosen.items():
        values = {
            name: mean_iou(network, [pairs[n] for n in numbers], crf=crf)
            for name, crf in variants.items()
        }
        found = {name: metrics["mean_iou"] for name, metrics in best["metrics"][place].items()}
        # The network's own labels are stored, of its probabilities only 11 bits.
        assert found["without CRF"] == values["without CRF"]
        assert found == pytest.approx(values, abs=0.003)
        gain = 100 * (found["best"] - found["without CRF"])
        assert best["gain_in_points"][place] == pytest.approx(gain)


def test_tables_and_options_are_printed(search, finished):
    best = json.loads((finished / "best.json").read_text())
    options = f"--flip {' '.join(best['options'])}"
    assert search.stdout.count(f"\n{options}\n") == 1
    assert options.startswith("--flip --crf gaussian_sxy=")
    rows = {line.split()[0]: line for line in search.stdout.splitlines() if line.strip()}
    for name, title in (("without CRF", "no"), ("defaults", "defaults")):
        for place in ("searched", "held_out"):
            figure = f"{100 * best['metrics'][place][name]['mean_iou']:.2f}"
            assert f" {figure} " in rows[title]
    for gain in best["gain_in_points"].values():
        assert f" {gain:+.2f} " in search.stdout
    assert f"wrote {finished}/best.json" in search.stdout


def test_the_options_mean_the_same_to_evaluation(
    search, finished, run_script, checkpoint, records, network, pairs
):
    best = json.loads((finished / "best.json").read_text())
    where = ["--checkpoint", checkpoint, "--tfrecords", records, "--output-dir", finished.parent]
    result = run_script("evaluate.py", *where, "--flip", *best["options"])
    assert result.returncode == 0, result.stderr
    metrics = json.loads((finished.parent / "metrics.json").read_text())["metrics"]
    parameters = CrfParameters(**best["parameters"])
    assert metrics["mean_iou"] == pytest.approx(mean_iou(network, pairs, crf=parameters))


def test_a_killed_search_goes_on_with_the_same_command(search, finished, tune, tmp_path):
    killed = tmp_path / "killed"
    shutil.copytree(finished, killed)
    (killed / "best.json").unlink()
    (killed / "predictions" / "000002.npz").unlink()
    (killed / "predictions" / ".000002.npz.partial-0123abcd").write_bytes(b"half")
    first, second, *_ = (killed / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (killed / "trials.jsonl").write_bytes(first + second[:50])
    untouched = (killed / "predictions" / "000000.npz").stat().st_mtime_ns
    result = tune(killed, *SEARCH, "--flip")
    assert result.returncode == 0, result.stderr
    assert (killed / "trials.jsonl").read_bytes().startswith(first)
    assert (killed / "predictions" / "000000.npz").stat().st_mtime_ns == untouched
    assert (killed / "best.json").read_bytes() == (finished / "best.json").read_bytes()
    assert sorted(p.name for p in (killed / "predictions").iterdir()) == [
        f"{number:06}.npz" for number in range(COUNT)
    ]


def test_a_finished_search_is_only_shown_again(search, finished, tune, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*.npz")}
    lines = (copy / "trials.jsonl").read_bytes()
    again = tune(copy, *SEARCH, "--flip", "--metric", "pixel_accuracy")
    assert again.returncode == 0
    assert "by pixel_accuracy" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*.npz")} == before
    assert (copy / "trials.jsonl").read_bytes().startswith(lines)


@pytest.mark.parametrize("name", ["dice", "boundary_f1"])
def test_the_mean_of_a_metric_by_class_decides(search, finished, tune, tmp_path, name):
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    result = tune(copy, *SEARCH, "--flip", "--metric", f"mean_{name}")
    assert result.returncode == 0, result.stderr
    assert f"by mean_{name} (percent)" in result.stdout
    best = json.loads((copy / "best.json").read_text())
    lines = [json.loads(line) for line in (copy / "trials.jsonl").read_text().splitlines()]
    values = [metrics[f"mean_{name}"] for metrics in best["metrics"]["searched"].values()]
    assert best["gain_in_points"]["searched"] == pytest.approx(100 * (values[2] - values[0]))
    if name == "boundary_f1":  # only what sees the images again has it
        found = [line for line in lines if f"mean_{name}" in line["metrics"]]
        assert values[2] == max(
            line["metrics"][f"mean_{name}"]
            for line in found
            if line["part"] == "searched" and line["parameters"]
        )
    else:
        assert len(lines) == len((finished / "trials.jsonl").read_text().splitlines())


def test_another_search_in_the_folder_is_refused(search, finished, tune, network, tmp_path):
    network.save(tmp_path / "model-8")
    best = (finished / "best.json").read_bytes()
    for options, changed, message in (
        (["--seed", 1], {}, "  seed: 0 before, 1 now\n"),
        (["--images", 5], {}, "  images: 4 before, 5 now\n"),
        ([], {"checkpoint": tmp_path / "model-8"}, "  checkpoint: model-7, SHA-256"),
    ):
        result = tune(finished, *SEARCH, "--flip", *options, **changed)
        assert result.returncode == 1
        assert f"{finished}: cannot go on with this search" in result.stderr
        assert message in result.stderr
    assert (finished / "best.json").read_bytes() == best


def test_a_search_on_all_images_says_that_its_gain_is_partly_luck(tune, tmp_path):
    result = tune(tmp_path / "all", "--trials", 2, "--range", "iterations=1:1")
    assert result.returncode == 0, result.stderr
    assert "--images holds some out" in result.stdout
    best = json.loads((tmp_path / "all" / "best.json").read_text())
    assert (best["trials"], list(best["metrics"])) == (4, ["searched"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--trials", 0], "--trials must be at least 1, got 0"),
        (["--images", 0], "--images must be at least 1, got 0"),
        (["--seed", -1], "--seed must be at least 0, got -1"),
        (["--scales", 0], "--scales: scales must be numbers from"),
        (["--range", "sigma=1:2"], "--range sigma=1:2: no such parameter"),
        (["--metric", "iou"], "--metric iou: has one value a class; choose mean_iou"),
        (["--metric", "boundary_f1"], "--metric boundary_f1: has one value a class; choose mean_b"),
        (["--metric", "no"], "unknown metric 'no'"),
    ],
)
def test_options_that_make_no_sense_are_refused(tune, tmp_path, options, message):
    result = tune(tmp_path / "search", *options)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {message}")
    assert not (tmp_path / "search").exists()


def refused(result, output, message):
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert not output.exists()


def test_bad_checkpoints_and_records_are_refused_before_anything_is_written(
    tune, network, tmp_path
):
    output = tmp_path / "search"
    refused(tune(output, checkpoint=tmp_path / "no"), output, "no checkpoint there")
    Network(fcn_32s, num_classes=4, width_multiplier=0.05).save(tmp_path / "four")
    result = tune(output, checkpoint=tmp_path / "four")
    refused(result, output, "the checkpoint has 4 classes; dataset 'small' has 3")
    refused(tune(output, split="test"), output, "choose from ['val']")
    void = [(example(8, 8, 0)[0], np.full((8, 8), 255, np.uint8))]
    folder = write_records(tmp_path / "void", {"val": void}, num_shards=1)
    refused(tune(output, tfrecords=folder), output, "no labeled pixels were counted")


def test_images_that_are_predicted_in_windows_are_refused(tune, tmp_path):
    side = 1449  # of two windows of 1024 x 1024, in one square
    large = np.zeros((side, side, 3), np.uint8), np.zeros((side, side), np.uint8)
    folder = write_records(tmp_path / "large", {"val": [large]}, num_shards=1)
    output = tmp_path / "search"
    message = "image val0: 1449 x 1449 pixels (height x width) are predicted in windows"
    refused(tune(output, tfrecords=folder), output, message)


def test_labels_without_a_class_are_refused(tune, tmp_path):  # fault 55
    pair = np.zeros((8, 8, 3), np.uint8), np.full((8, 8), 12, np.uint8)
    file = write_classic_records(tmp_path / "classic.tfrecords", [pair])
    output = tmp_path / "search"
    result = tune(output, "--dataset", "camvid", tfrecords=file)
    refused(
        result,
        output,
        "label ids must be 0..10 or the ignore label 11; found (id: pixels) {12: 64}",
    )
