"""scripts/choose_threshold.py, and that evaluation and prediction follow what it writes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from small_records import write_records
from thin_networks import thin_network

from tf_image_segmentation.datasets import DatasetInfo
from tf_image_segmentation.inference.predict import predict_probabilities
from tf_image_segmentation.tfrecords import open_records

INFO = DatasetInfo("vessels", ("background", "vessel"), ((0, 0, 0), (255, 0, 0)), 255)


@pytest.fixture(scope="module")
def network():
    return thin_network(num_classes=2)


@pytest.fixture(scope="module")
def records(tmp_path_factory, network):
    """Vessels are where the network finds them more probable than not by far, but for noise."""
    rng = np.random.default_rng(0)

    def pair(height, width):
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        likely = predict_probabilities(network, image)[..., 1]
        mask = likely + rng.normal(0, likely.std() / 4, likely.shape) > np.quantile(likely, 0.8)
        mask = mask.astype(np.uint8)
        mask[:3] = 255
        return image, mask

    splits = {name: [pair(40, 50), pair(33, 64)] for name in ("train", "val", "test")}
    return write_records(tmp_path_factory.mktemp("vessels"), splits, 1, INFO)


@pytest.fixture
def checkpoint(tmp_path, network):
    path = tmp_path / "run" / "model" / "last" / "model.ckpt"
    network.save(path, {"dataset": INFO.to_json()})
    return path


def labeled_pixels(network, records, split):
    """Returns the probability of a vessel and whether it is one, of each labeled pixel."""
    pairs = [
        (predict_probabilities(network, image)[..., 1][mask != 255], mask[mask != 255] == 1)
        for image, mask, _ in open_records(records, split).examples()
    ]
    return [np.concatenate(values) for values in zip(*pairs, strict=True)]


def dice(likely, true, threshold):
    found = likely >= np.float32(threshold)
    return 2 * np.sum(found & true) / (found.sum() + true.sum())


def test_evaluation_and_prediction_follow_what_was_chosen(
    run_script, network, records, checkpoint, tmp_path
):
    options = ("--checkpoint", checkpoint.parent)
    result = run_script("choose_threshold.py", *options, "--tfrecords", records)
    assert result.returncode == 0, result.stderr
    fields = json.loads(checkpoint.with_name("model.ckpt.json").read_text())
    chosen = fields["threshold"]["probability"]
    pixels = labeled_pixels(network, records, "val")
    best = dice(*pixels, chosen)
    assert best == max(dice(*pixels, k / 1000) for k in range(1, 1000))
    assert best > dice(*pixels, 0.5) + 0.01
    assert f"dice: {100 * best:.2f} where vessel begins at {chosen:g}" in result.stdout
    assert fields["threshold"]["label"] == 1 and fields["dataset"]["name"] == "vessels"
    assert fields["threshold"]["chosen_on"] == f"dice {100 * best:.2f} on 2 images of vessels, val"

    out = tmp_path / "out"
    test = ("--tfrecords", records, "--split", "test", "--output-dir", out)
    result = run_script("evaluate.py", *options, *test)
    assert f"vessel begins at probability {chosen:g} (dice" in result.stdout
    found = json.loads((out / "metrics.json").read_text())
    assert found["threshold"] == fields["threshold"]
    expected = dice(*labeled_pixels(network, records, "test"), chosen)
    assert found["metrics"]["per_class_dice"][1] == pytest.approx(expected)

    image, _, _ = next(iter(open_records(records, "test").examples()))
    Image.fromarray(image).save(tmp_path / "eye.png")
    run_script("predict.py", tmp_path / "eye.png", *options, "--output-dir", out)
    with Image.open(out / "eye_labels.png") as labels:
        likely = predict_probabilities(network, image)[..., 1]
        np.testing.assert_array_equal(np.asarray(labels), likely >= np.float32(chosen))


def test_another_checkpoint_can_get_it(run_script, network, records, checkpoint, tmp_path):
    network.save(tmp_path / "all", {"dataset": INFO.to_json()})
    before = checkpoint.with_name("model.ckpt.json").read_bytes()
    options = ("--checkpoint", checkpoint, "--tfrecords", records, "--save-to", tmp_path / "all")
    options += ("--class", "background", "--metric", "mean_iou")
    result = run_script("choose_threshold.py", *options)
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "all.json").read_text())["threshold"]["label"] == 0
    assert checkpoint.with_name("model.ckpt.json").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--split", "test"), "chosen on test images makes their accuracy say nothing"),
        (("--crf",), "labels after a CRF follow no threshold"),
        (("--class", "nerve"), "unknown class 'nerve'; choose from ['background', 'vessel']"),
        (("--split", "train"), "was trained on these images"),
    ],
)
def test_what_would_say_nothing_is_refused(run_script, records, checkpoint, options, message):
    trained_on = [shard.sha256 for shard in open_records(records, "train").shards]
    config = checkpoint.parents[2] / "config.json"
    config.write_text(json.dumps({"data": trained_on}))
    before = checkpoint.with_name("model.ckpt.json").read_bytes()
    result = run_script(
        "choose_threshold.py", "--checkpoint", checkpoint, "--tfrecords", records, *options
    )
    assert result.returncode == 1
    assert message in result.stderr
    assert checkpoint.with_name("model.ckpt.json").read_bytes() == before
