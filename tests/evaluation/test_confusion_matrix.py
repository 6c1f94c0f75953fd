"""The confusion matrix against the published formulas, counted pixel by pixel."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation import ConfusionMatrix


def slow_metrics(labels, predictions, num_classes, ignore_label):
    """Long et al., section 5, with n_ij counted one pixel at a time."""
    n = [[0] * num_classes for _ in range(num_classes)]
    for label, prediction in zip(labels, predictions, strict=True):
        if label != ignore_label:
            n[label][prediction] += 1
    classes = range(num_classes)
    t = [sum(n[i]) for i in classes]
    predicted = [sum(n[j][i] for j in classes) for i in classes]
    union = [t[i] + predicted[i] - n[i][i] for i in classes]
    iou = [n[i][i] / union[i] if union[i] else math.nan for i in classes]
    accuracy = [n[i][i] / t[i] if t[i] else math.nan for i in classes]

    def mean(values):
        there = [value for value in values if not math.isnan(value)]
        return sum(there) / len(there)

    return {
        "matrix": n,
        "pixel_accuracy": sum(n[i][i] for i in classes) / sum(t),
        "mean_pixel_accuracy": mean(accuracy),
        "mean_iou": mean(iou),
        "frequency_weighted_iou": sum(t[i] * iou[i] for i in classes if t[i]) / sum(t),
        "per_class_iou": iou,
        "per_class_accuracy": accuracy,
    }


def assert_metrics(matrix, expected):
    np.testing.assert_array_equal(matrix.matrix, expected["matrix"])
    metrics = matrix.metrics()
    for name, value in expected.items():
        if name != "matrix":
            np.testing.assert_allclose(metrics[name], value, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("num_classes", [2, 5, 21, 200])
@pytest.mark.parametrize("ignore_label", [None, 255])
def test_random_labels_give_the_published_formulas(num_classes, ignore_label):
    rng = np.random.default_rng(num_classes)
    ids = list(range(num_classes)) + ([] if ignore_label is None else [ignore_label] * 3)
    labels = rng.choice(np.array(ids, np.uint8), (3, 20, 30))
    noise = rng.integers(0, num_classes, labels.shape, np.uint8)
    predictions = np.where((rng.random(labels.shape) < 0.5) & (labels != 255), labels, noise)
    matrix = ConfusionMatrix(num_classes, ignore_label)
    matrix.update(labels, predictions)
    expected = slow_metrics(labels.ravel(), predictions.ravel(), num_classes, ignore_label)
    assert_metrics(matrix, expected)
    metrics = matrix.metrics()
    ignored = np.count_nonzero(labels == 255)
    assert (metrics.pixels, metrics.ignored_pixels) == (labels.size - ignored, ignored)


def test_real_voc_masks_give_the_published_formulas(shared_data):  # faults 55, 60
    folder = shared_data / "pascal_voc" / "VOCdevkit" / "VOC2012" / "SegmentationClass"
    paths = sorted(folder.glob("*.png"))[:6]
    masks = [np.array(Image.open(path))[::3, ::3] for path in paths]
    predictions = []
    for mask, other in zip(masks, masks[1:] + masks[:1], strict=True):
        # Another image's labels, the border taken as background: wrong in a realistic way.
        moved = np.resize(np.where(other == 255, 0, other), mask.shape).astype(np.uint8)
        predictions.append(np.where((mask == 255) | (mask % 2 == 0), moved, mask))
    matrix = ConfusionMatrix(21, 255)
    for mask, predicted in zip(masks, predictions, strict=True):
        matrix.update(mask, predicted)
    labels = np.concatenate([mask.ravel() for mask in masks])
    expected = slow_metrics(labels, np.concatenate([p.ravel() for p in predictions]), 21, 255)
    assert_metrics(matrix, expected)
    ignored = np.count_nonzero(labels == 255)
    assert matrix.metrics().ignored_pixels == ignored > 0  # the border that VOC draws
    assert 0.0 < matrix.metrics().mean_iou < 1.0


def test_a_matrix_known_by_heart():
    matrix = ConfusionMatrix(3, 255)
    matrix.update([0, 0, 0, 1, 1, 255], [0, 0, 1, 1, 0, 0])
    metrics = matrix.metrics()
    assert matrix.matrix.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert metrics.pixel_accuracy == pytest.approx(3 / 5)
    assert metrics.mean_pixel_accuracy == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert metrics.mean_iou == pytest.approx((2 / 4 + 1 / 3) / 2)
    assert metrics.frequency_weighted_iou == pytest.approx((3 * 2 / 4 + 2 * 1 / 3) / 5)


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("shape", [(12,), (3, 4), (1, 2, 6), (2, 3, 2, 1), (12, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64])
def test_arrays_and_tensors_of_any_shape(as_tensor, shape, dtype):
    labels = np.array([0, 1, 2, 1, 1, 0, 2, 2, 0, 1, 200, 200], dtype).reshape(shape)
    predictions = np.array([0, 2, 2, 1, 0, 0, 1, 2, 0, 1, 0, 2], np.int64).reshape(shape)
    matrix = ConfusionMatrix(3, 200)
    if as_tensor:
        labels, predictions = tf.constant(labels), tf.constant(predictions)
    matrix.update(labels, predictions)
    assert matrix.matrix.tolist() == [[3, 0, 0], [1, 2, 1], [0, 1, 2]]
    assert matrix.matrix.dtype == np.int64
    assert matrix.ignored_pixels == 2


def test_a_scalar_and_nothing_at_all_can_be_counted():
    matrix = ConfusionMatrix(2)
    matrix.update(np.zeros((0, 4), np.uint8), np.zeros((0, 4), np.uint8))
    matrix.update(np.uint8(1), np.uint8(1))
    assert matrix.matrix.tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize("ignore_label", [-1, 255, 1000, 0])
@pytest.mark.parametrize("bad", [3, 7, -2])
def test_a_label_out_of_range_is_an_error(ignore_label, bad):  # fault 55
    matrix = ConfusionMatrix(3, ignore_label)
    labels = np.array([[1, bad, bad, 2, ignore_label]], np.int32)
    with pytest.raises(ValueError, match=r"label ids must be 0\.\.2 or the ignore label") as error:
        matrix.update(labels, np.zeros_like(labels))
    assert f"ignore label {ignore_label}; found (id: pixels) {{{bad}: 2}}" in str(error.value)
    assert matrix.matrix.sum() == matrix.ignored_pixels == 0


def test_without_an_ignore_label_255_is_an_error():  # fault 55
    with pytest.raises(
        ValueError, match=r"label ids must be 0\.\.2; found \(id: pixels\) {255: 1}"
    ):
        ConfusionMatrix(3).update(np.array([0, 255], np.uint8), np.array([0, 0], np.uint8))


@pytest.mark.parametrize(("dtype", "bad"), [(np.uint8, 4), (np.uint8, 255), (np.int64, -1)])
def test_a_prediction_out_of_range_is_an_error(dtype, bad):  # fault 56
    # 4 of 3 classes at label 0 would be counted as label 1 predicted as 1.
    matrix = ConfusionMatrix(3, 255)
    with pytest.raises(ValueError, match=r"prediction ids must be 0\.\.2; found") as error:
        matrix.update(np.array([0, 1], np.uint8), np.array([bad, 1], dtype))
    assert f"{{{bad}: 1}}" in str(error.value)
    assert matrix.matrix.sum() == 0


def test_a_prediction_out_of_range_is_an_error_where_the_label_is_ignored():  # fault 56
    with pytest.raises(ValueError, match="prediction ids"):
        ConfusionMatrix(3, 255).update(np.array([255], np.uint8), np.array([255], np.uint8))


def test_eight_bit_labels_do_not_wrap_around():  # fault 57
    # 21 * 20 + 5 = 425, which 8 bits would make 169 = 21 * 8 + 1.
    matrix = ConfusionMatrix(21, 255)
    matrix.update(np.array([20], np.uint8), np.array([5], np.uint8))
    assert matrix.matrix[20, 5] == 1
    assert matrix.matrix[8, 1] == 0


@pytest.mark.parametrize("ignore_label", [None, -1, 1000])
@pytest.mark.parametrize("num_classes", [1, 15, 16, 255, 256, 300])
def test_every_pair_is_counted_where_it_belongs(num_classes, ignore_label):  # fault 57
    # The numbers of classes lie at the ends of what 8 and 16 bits can count.
    labels, predictions = np.divmod(np.arange(num_classes**2), num_classes)
    ignored = [] if ignore_label is None else [ignore_label] * num_classes
    matrix = ConfusionMatrix(num_classes, ignore_label)
    matrix.update(
        np.concatenate([labels, ignored, labels]).astype(np.int64),
        np.concatenate([predictions, labels[: len(ignored)], predictions]),
    )
    assert (matrix.matrix == 2).all()
    assert matrix.ignored_pixels == len(ignored)


@pytest.mark.parametrize("kind", ["label", "prediction"])
@pytest.mark.parametrize(
    "bad", [np.uint64(2**64 - 1), np.uint64(2**63), np.int64(2**32 + 1), np.int64(-(2**63) + 1)]
)
def test_ids_that_would_wrap_around_to_a_class_are_errors(kind, bad):  # faults 55 to 57
    arrays = {"label": np.zeros(3, bad.dtype), "prediction": np.zeros(3, bad.dtype)}
    arrays[kind][1] = bad
    matrix = ConfusionMatrix(3, 255)
    with pytest.raises(ValueError, match=rf"{kind} ids must be .* {{{bad}: 1}}"):
        matrix.update(arrays["label"], arrays["prediction"])
    assert matrix.matrix.sum() == matrix.ignored_pixels == 0


def test_counts_exceed_32_bits():  # fault 57
    part = ConfusionMatrix(2)
    part.update(np.ones(1000, np.uint8), np.ones(1000, np.uint8))
    part.matrix *= 2**31
    whole = ConfusionMatrix(2)
    whole.merge(part)
    whole.merge(part)
    assert whole.matrix[1, 1] == 2000 * 2**31
    assert whole.metrics().pixels == 2000 * 2**31


def test_an_absent_class_is_nan_and_left_out():  # fault 58
    matrix = ConfusionMatrix(4, 255)
    matrix.update([0, 0, 1, 255], [0, 2, 1, 0])
    metrics = matrix.metrics()
    np.testing.assert_array_equal(metrics.per_class_iou, [0.5, 1.0, 0.0, np.nan])
    np.testing.assert_array_equal(metrics.per_class_accuracy, [0.5, 1.0, np.nan, np.nan])
    assert metrics.mean_iou == pytest.approx(0.5)  # class 2 was predicted, so it counts as 0
    assert metrics.mean_pixel_accuracy == pytest.approx(0.75)
    assert metrics.classes_in_mean_iou == 3


def test_json_has_null_for_nan():  # fault 58
    matrix = ConfusionMatrix(3)
    matrix.update([0, 1], [0, 0])
    text = json.dumps(matrix.metrics().to_json(), allow_nan=False)
    assert json.loads(text)["per_class_iou"] == [0.5, 0.0, None]
    assert json.loads(text)["classes_in_mean_iou"] == 2


@pytest.mark.parametrize("ignored", [0, 5])
def test_no_labeled_pixels_is_an_error(ignored):  # fault 59
    matrix = ConfusionMatrix(3, 255)
    matrix.update(np.full(ignored, 255, np.uint8), np.zeros(ignored, np.uint8))
    message = rf"no labeled pixels were counted \({ignored} had the ignore label\)"
    with pytest.raises(DataError, match=message):
        matrix.metrics()


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 7, 10])
def test_the_batch_size_changes_nothing(batch_size):  # fault 60
    rng = np.random.default_rng(0)
    labels = rng.choice(np.array([0, 1, 2, 3, 255], np.uint8), (7, 9, 5))
    predictions = rng.integers(0, 4, labels.shape, np.uint8)
    matrix = ConfusionMatrix(4, 255)
    for start in range(0, 7, batch_size):
        matrix.update(labels[start : start + batch_size], predictions[start : start + batch_size])
    assert_metrics(matrix, slow_metrics(labels.ravel(), predictions.ravel(), 4, 255))
    assert matrix.matrix.sum() + matrix.ignored_pixels == labels.size


def test_an_ignore_label_inside_the_class_range_is_left_out():
    labels, predictions = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 0, 2])
    matrix = ConfusionMatrix(3, ignore_label=0)
    matrix.update(labels, predictions)
    assert_metrics(matrix, slow_metrics(labels, predictions, 3, 0))
    assert matrix.matrix.tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 1]]
    assert matrix.ignored_pixels == 2


def test_the_mean_is_over_the_data_set_and_not_over_images():
    matrix = ConfusionMatrix(2)
    matrix.update([0, 0, 0, 1], [0, 0, 0, 0])
    matrix.update([1, 1, 1, 1], [1, 1, 1, 1])
    assert matrix.metrics().mean_iou == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_merge_adds_up():
    rng = np.random.default_rng(2)
    labels = rng.choice(np.array([0, 1, 2, 255], np.uint8), (4, 50))
    predictions = rng.integers(0, 3, labels.shape, np.uint8)
    whole, merged = ConfusionMatrix(3, 255), ConfusionMatrix(3, 255)
    whole.update(labels, predictions)
    for row in range(4):
        part = ConfusionMatrix(3, 255)
        part.update(labels[row], predictions[row])
        merged.merge(part)
    np.testing.assert_array_equal(merged.matrix, whole.matrix)
    assert merged.ignored_pixels == whole.ignored_pixels == np.count_nonzero(labels == 255)


@pytest.mark.parametrize("other", [ConfusionMatrix(4, 255), ConfusionMatrix(3, None)])
def test_merge_of_other_classes_is_refused(other):
    with pytest.raises(ValueError, match=r"cannot merge .* into 3 classes, ignore label 255"):
        ConfusionMatrix(3, 255).merge(other)


@pytest.mark.parametrize("kind", ["label", "prediction"])
@pytest.mark.parametrize("dtype", [np.float32, bool])
def test_only_integers_are_counted(kind, dtype):
    arrays = {"label": np.zeros(3, np.uint8), "prediction": np.zeros(3, np.uint8)}
    arrays[kind] = np.zeros(3, dtype)
    with pytest.raises(ValueError, match=f"{kind}s must be integers, got {np.dtype(dtype)}"):
        ConfusionMatrix(3).update(arrays["label"], arrays["prediction"])


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"labels \(2, 3\) and predictions \(3, 2\) differ"):
        ConfusionMatrix(3).update(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))


def test_no_classes_are_refused():
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        ConfusionMatrix(0)


def test_metrics_are_found_by_name():
    matrix = ConfusionMatrix(2)
    matrix.update([0, 1], [0, 1])
    assert matrix.metrics()["mean_iou"] == matrix.metrics().mean_iou == 1.0
    with pytest.raises(KeyError):
        matrix.metrics()["miou"]
