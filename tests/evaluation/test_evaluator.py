"""Evaluating a network on records."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from small_records import INFO, example, examples, write_classic_records, write_records

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation import ConfusionMatrix
from tf_image_segmentation.evaluation.boundary_f1 import BoundaryF1
from tf_image_segmentation.evaluation.evaluate import evaluate, predictions
from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.inference.predict import predict_labels
from tf_image_segmentation.models import Network, fcn_32s
from tf_image_segmentation.models.registry import MODELS
from tf_image_segmentation.registry import Part
from tf_image_segmentation.tfrecords import open_records

COUNT = 5


@pytest.fixture(scope="module")
def network():
    tf.random.set_seed(1)
    return Network(fcn_32s, num_classes=3, width_multiplier=0.05)


@pytest.fixture(scope="module")
def pairs():
    return examples(COUNT)


@pytest.fixture(scope="module")
def records(tmp_path_factory, pairs):
    folder = write_records(tmp_path_factory.mktemp("evaluator"), {"val": pairs}, num_shards=2)
    return open_records(folder, "val")


class Copycat:
    """Stands in for a network: knows the label of each pixel from its red channel."""

    num_classes = 3
    threshold = None
    spec = MODELS["fcn_32s"]

    def __call__(self, images):
        return -tf.abs(images[..., :1] - [0.0, 100.0, 200.0])


class Shifted(Copycat):
    """Sees everything three rows below where it is."""

    def __call__(self, images):
        return super().__call__(tf.roll(images, 3, axis=1))


class Unsure(Copycat):
    """Leaves a dense CRF something to decide."""

    def __call__(self, images):
        return super().__call__(images) / 100


@pytest.mark.parametrize("fit", ["pad", "resize"])
def test_every_image_is_counted_once_at_its_own_size(network, records, pairs, fit):  # fault 60
    counts = np.zeros((3, 3), np.int64)
    for image, mask in pairs:
        for label, predicted in zip(
            mask.ravel(), predict_labels(network, image, fit).ravel(), strict=True
        ):
            if label != 255:
                counts[label, predicted] += 1
    matrix = evaluate(network, records, 255, PredictionOptions(fit)).matrix
    np.testing.assert_array_equal(matrix.matrix, counts)
    assert matrix.ignored_pixels == sum(np.count_nonzero(mask == 255) for _, mask in pairs)


def test_a_network_that_is_right_scores_1(records):
    metrics = evaluate(Copycat(), records, 255).matrix.metrics()
    assert metrics.mean_iou == metrics.pixel_accuracy == 1.0
    assert metrics.ignored_pixels > 0


def test_predictions_come_with_their_image(records, pairs):
    found = list(predictions(Copycat(), records))
    assert [image_id for image_id, *_ in found] == [f"val{number}" for number in range(COUNT)]
    for (_, image, mask, predicted, _), (true_image, true_mask) in zip(found, pairs, strict=True):
        np.testing.assert_array_equal(image, true_image)
        np.testing.assert_array_equal(mask, true_mask)
        assert predicted.shape == mask.shape


@pytest.mark.parametrize("fit", ["pad", "resize"])
@pytest.mark.parametrize("shape", [(1, 90), (90, 1), (1, 1)])
def test_an_image_one_pixel_high_or_wide(network, tmp_path, fit, shape):  # fault 8
    mask = np.ones(shape, np.uint8)
    folder = write_records(tmp_path, {"val": [(example(*shape, seed=0)[0], mask)]}, num_shards=1)
    matrix = evaluate(network, open_records(folder, "val"), 255, PredictionOptions(fit)).matrix
    assert matrix.matrix.sum() == matrix.matrix[1].sum() == shape[0] * shape[1]


def test_classic_records_are_evaluated_too(network, tmp_path, pairs, records):
    classic = open_records(write_classic_records(tmp_path / "classic.tfrecords", pairs))
    matrix = evaluate(network, classic, 255).matrix
    np.testing.assert_array_equal(matrix.matrix, evaluate(network, records, 255).matrix.matrix)


def test_a_label_without_a_class_names_the_image(tmp_path):  # fault 55
    info = DatasetInfo("more", ("a", "b", "c", "d"), ((0, 0, 0),) * 4)
    masks = [np.zeros((8, 8), np.uint8), np.full((8, 8), 3, np.uint8)]
    pairs = [(np.zeros((8, 8, 3), np.uint8), mask) for mask in masks]
    folder = write_records(tmp_path, {"val": pairs}, num_shards=1, info=info)
    with pytest.raises(DataError) as error:
        evaluate(Copycat(), open_records(folder, "val"), 255)
    message = str(error.value)
    assert message.startswith(f"{folder}: image val1: label ids must be 0..2 or the ignore label")
    assert "found (id: pixels) {3: 64}; use a model of this dataset's classes" in message


def test_without_an_ignore_label_void_is_an_error(records):  # fault 55
    with pytest.raises(DataError, match=r"image val0: label ids must be 0\.\.2; found .*255"):
        evaluate(Copycat(), records, None)


def test_a_prediction_without_a_class_names_the_image(tmp_path):  # fault 56
    network = Copycat()
    network.num_classes = 2
    pairs = [(np.full((8, 8, 3), 200, np.uint8), np.ones((8, 8), np.uint8))]
    records = open_records(write_records(tmp_path, {"val": pairs}, num_shards=1), "val")
    with pytest.raises(DataError, match=r"image val0: prediction ids must be 0\.\.1; .*{2: 64}"):
        evaluate(network, records, 255)


def test_records_without_labels_give_no_metrics(network, tmp_path):  # fault 59
    void = [(example(8, 8, 0)[0], np.full((8, 8), 255, np.uint8))]
    folder = write_records(tmp_path, {"val": void}, num_shards=1)
    with pytest.raises(DataError, match=r"no labeled pixels were counted \(64 had the ignore"):
        evaluate(network, open_records(folder, "val"), INFO.ignore_label).matrix.metrics()


def test_a_damaged_record_is_named(network, tmp_path, pairs):  # fault 33
    folder = write_records(tmp_path, {"val": pairs}, num_shards=1)
    records = open_records(folder, "val")
    data = bytearray(records.files[0].read_bytes())
    data[-20] ^= 1
    records.files[0].write_bytes(bytes(data))
    with pytest.raises(DataError, match=f"record {COUNT - 1}.*convert or copy the file again"):
        evaluate(network, records, 255)


def test_metrics_that_need_images_see_them_all(records, pairs):
    metrics = [Part("boundary_f1", {"tolerance": 2})]
    expected = BoundaryF1(3, 255, tolerance=2)
    for (_, mask), prediction in zip(pairs, predictions(Shifted(), records), strict=True):
        expected.update(mask, prediction.labels)
    whole = evaluate(Shifted(), records, 255, metrics=metrics)
    np.testing.assert_array_equal(whole.results(metrics)["boundary_f1"], expected.result())


def test_metrics_that_need_images_are_measured_before_and_after_the_crf(records):
    metrics = [Part("boundary_f1")]
    options = PredictionOptions(crf=CrfParameters(iterations=2))
    found = evaluate(Unsure(), records, 255, options, metrics=metrics)
    for results, labels in ((found.results, "labels"), (found.refined_results, "refined")):
        expected = BoundaryF1(3, 255)
        for prediction in predictions(Unsure(), records, options):
            expected.update(prediction.mask, getattr(prediction, labels))
        np.testing.assert_array_equal(results(metrics)["boundary_f1"], expected.result())


@pytest.mark.parametrize("crf_workers", [1, 2])
def test_with_a_crf_both_predictions_are_counted(records, pairs, crf_workers):
    pytest.importorskip("pydensecrf")
    network, parameters = Unsure(), CrfParameters(gaussian_compat=30)
    seen = []
    options = PredictionOptions(crf=parameters, crf_workers=crf_workers)
    evaluation = evaluate(network, records, 255, options, observe=seen.append)
    plain, refined = ConfusionMatrix(3, 255), ConfusionMatrix(3, 255)
    for (image, mask), prediction in zip(pairs, seen, strict=True):
        plain.update(mask, predict_labels(network, image))
        refined.update(mask, predict_labels(network, image, crf=parameters))
        np.testing.assert_array_equal(prediction.image, image)
        np.testing.assert_array_equal(prediction.mask, mask)
    np.testing.assert_array_equal(evaluation.matrix.matrix, plain.matrix)
    np.testing.assert_array_equal(evaluation.refined.matrix, refined.matrix)
    assert (plain.matrix != refined.matrix).any()
