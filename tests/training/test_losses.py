"""The loss against a cross entropy that is computed pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import Part
from tf_image_segmentation.training.losses import LOSSES, register_loss
from tf_image_segmentation.training.losses.total import check_labels, class_weights, make_loss
from tf_image_segmentation.training.step import l2_penalty

VOID = 255


def mean_cross_entropy(logits, labels, ignore_label, weights=None):
    return make_loss("cross_entropy", ignore_label, weights)(logits, labels)


def slow_cross_entropy(logits, labels, ignore_label, weights=None):
    """Returns the weighted sum of -log softmax and the sum of weights, in double precision."""
    total = weight_sum = 0.0
    for scores, label in zip(logits.reshape(-1, logits.shape[-1]), labels.ravel(), strict=True):
        if label == ignore_label:
            continue
        scores = [float(score) for score in scores]
        largest = max(scores)
        log_sum = largest + math.log(sum(math.exp(score - largest) for score in scores))
        weight = 1.0 if weights is None else weights[label]
        total += weight * (log_sum - scores[label])
        weight_sum += weight
    return total, weight_sum


def random_case(num_classes=5, void=True, dtype=np.uint8):
    rng = np.random.default_rng(num_classes)
    logits = rng.normal(0, 4, (2, 6, 7, num_classes)).astype(np.float32)
    ids = [*range(num_classes), *([VOID] * 2 if void else [])]
    return logits, rng.choice(np.array(ids, dtype), logits.shape[:3])


@pytest.mark.parametrize("ignore_label", [None, VOID])
@pytest.mark.parametrize("weights", [None, (0.5, 2.0, 1.0, 0.0, 3.5)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_equals_a_slow_cross_entropy(ignore_label, weights, dtype):
    logits, labels = random_case(void=ignore_label is not None, dtype=dtype)
    total, weight = slow_cross_entropy(logits, labels, ignore_label, weights)
    found = make_loss("cross_entropy", ignore_label, weights).weight(labels, 5)
    np.testing.assert_allclose(found, weight, rtol=1e-6)
    mean = mean_cross_entropy(logits, labels, ignore_label, weights)
    np.testing.assert_allclose(mean, total / weight, rtol=1e-5)
    assert mean.dtype == tf.float32


def test_two_classes_known_by_heart():
    logits = np.log([[[[1.0, 3.0], [1.0, 1.0], [5.0, 1.0]]]]).astype(np.float32)
    loss = mean_cross_entropy(logits, np.array([[[1, 0, VOID]]], np.uint8), VOID)
    np.testing.assert_allclose(loss, (math.log(4 / 3) + math.log(2)) / 2, rtol=1e-6)


def test_large_logits_do_not_overflow():
    logits = np.array([[[[1e4, -1e4], [1e4, -1e4]]]], np.float32)
    loss = mean_cross_entropy(logits, np.array([[[0, 1]]], np.uint8), VOID)
    np.testing.assert_allclose(loss, 1e4, rtol=1e-6)


def test_void_pixels_have_no_gradient_and_the_others_the_textbook_one():
    logits, labels = random_case()
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = mean_cross_entropy(variable, labels, VOID)
    gradient = tape.gradient(loss, variable).numpy()
    valid = labels != VOID
    softmax = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    one_hot = np.eye(5)[np.where(valid, labels, 0)]
    expected = np.where(valid[..., np.newaxis], softmax - one_hot, 0.0) / valid.sum()
    np.testing.assert_allclose(gradient, expected, atol=1e-6)
    assert not gradient[~valid].any()


@pytest.mark.parametrize("weights", [None, (1.0, 2.0, 3.0, 4.0, 5.0)])
@pytest.mark.parametrize("compiled", [False, True])
def test_an_all_void_batch_has_loss_0_and_gradients_0(weights, compiled):  # fault 41
    logits, labels = random_case()
    variable = tf.Variable(logits)

    def step():
        with tf.GradientTape() as tape:
            loss = mean_cross_entropy(variable, np.full_like(labels, VOID), VOID, weights)
        return loss, tape.gradient(loss, variable)

    loss, gradient = (tf.function(step) if compiled else step)()
    assert loss.numpy() == 0.0
    np.testing.assert_array_equal(gradient, np.zeros_like(logits))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("dtype", "bad"),
    [(np.uint8, [5, 37]), (np.int32, [-1, 300]), (np.int64, [2**32 + 1, -(2**32)])],
)
def test_a_label_out_of_range_is_an_error_that_names_it(compiled, dtype, bad):  # fault 40
    logits, labels = random_case(dtype=dtype)
    # Many wrong pixels, of which the message has to have each id.
    labels[0] = bad[0]
    labels[1, 5] = bad[1]
    loss = tf.function(mean_cross_entropy) if compiled else mean_cross_entropy
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        loss(tf.constant(logits), tf.constant(labels), VOID)
    message = str(error.value)
    assert "labels must be 0..4 or the ignore label 255; found" in message
    assert all(str(label) in message.split("found")[1] for label in bad)


def test_without_an_ignore_label_255_is_an_error():  # fault 40
    logits, labels = random_case()
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"labels must be 0\.\.4; found"):
        mean_cross_entropy(logits, labels, None)


def test_up_to_ten_wrong_ids_are_named():  # fault 40
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        check_labels(tf.range(100, 130), 5, VOID)
    assert all(str(label) in str(error.value) for label in range(100, 110))
    assert "110" not in str(error.value)


@pytest.mark.parametrize("num_classes", [2, 255, 256, 300])
def test_right_labels_pass_unchanged(num_classes):
    labels = np.array([[0, 1, VOID]], np.uint8)
    found = check_labels(labels, num_classes, VOID)
    assert found.dtype == tf.int32
    np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize("ignore_label", [2, 5, -1, 1000])
def test_any_label_can_be_the_ignore_label_inside_the_class_range_or_outside(ignore_label):
    logits, labels = random_case(void=False, dtype=np.int32)
    labels[0, 0] = ignore_label
    total, weight = slow_cross_entropy(logits, labels, ignore_label)
    found = mean_cross_entropy(logits, labels, ignore_label)
    np.testing.assert_allclose(found, total / weight, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, bool])
def test_only_integers_are_labels(dtype):
    logits, labels = random_case()
    with pytest.raises(TypeError, match=f"labels must be integers, got {np.dtype(dtype).name}"):
        mean_cross_entropy(logits, labels.astype(dtype), VOID)


def test_weights_of_other_classes_are_refused():
    with pytest.raises(ValueError, match="2 class weights for 5 classes"):
        mean_cross_entropy(*random_case(), VOID, (1.0, 2.0))


def test_a_sum_weighs_its_parts():
    logits, labels = random_case()
    parts = [Part("cross_entropy", {"weight": 2}), Part("focal", {"gamma": 1.0}), Part("dice")]
    cross_entropy, focal, dice = (make_loss([part], VOID)(logits, labels) for part in parts)
    assert cross_entropy == 2 * mean_cross_entropy(logits, labels, VOID)
    total = make_loss(parts, VOID)(logits, labels)
    np.testing.assert_allclose(total, cross_entropy + focal + dice, rtol=1e-6)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            "nothing",
            r"unknown loss 'nothing'; choose from \['cross_entropy', 'dice', ",
        ),
        (Part("focal", {"alpha": 1}), "loss 'focal' takes no alpha; it takes gamma"),
        (Part("dice", {"weight": -1}), "loss dice: weight must be a number above 0, got -1"),
        (Part("dice", {"weight": "1"}), "loss dice: weight must be a number above 0, got '1'"),
        ([], "loss must name at least one loss"),
    ],
)
def test_wrong_parts_are_refused(parts, message):
    with pytest.raises(DataError, match=message):
        make_loss(parts, VOID)


@pytest.mark.parametrize(
    "part",
    [
        Part("focal", {"gamma": -1.0}),
        Part("ohem", {"threshold": 0.0}),
        Part("ohem", {"min_kept": 1.5}),
    ],
)
def test_arguments_out_of_range_are_refused(part):
    with pytest.raises(DataError, match=f"{part.name}': {next(iter(part.arguments))}: expected"):
        make_loss(part, VOID)


@pytest.fixture
def forget():
    yield
    LOSSES.remove_from(__name__)


def test_a_loss_of_the_user_is_averaged_over_labeled_pixels(forget):
    @register_loss
    def wrong_share(logits, labels, scale=1.0):
        assert logits.dtype == tf.float32 and labels.dtype == tf.int32
        wrong = tf.argmax(logits, axis=-1, output_type=tf.int32) != labels
        return scale * tf.cast(wrong, tf.float32)

    logits, labels = random_case()
    valid = labels != VOID
    expected = 3 * np.mean((logits.argmax(-1) != labels)[valid])
    found = make_loss(Part("wrong_share", {"scale": 3.0}), VOID)(logits, labels)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    weights = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    pixels = weights[np.where(valid, labels, 0)] * valid
    expected = np.sum(pixels * (logits.argmax(-1) != labels)) / pixels.sum()
    found = make_loss("wrong_share", VOID, tuple(weights))(logits, labels)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    # The function itself stays as it was written.
    assert wrong_share(tf.zeros([1, 2, 2, 3]), tf.zeros([1, 2, 2], tf.int32)).shape == (1, 2, 2)


def test_a_wide_loss_of_the_user_gets_weights_and_the_sum(forget):
    @register_loss(wide=True, name="mine")
    def labeled(logits, labels, weights, sum_over_replicas):
        return tf.reduce_sum(weights) / sum_over_replicas(tf.constant(1.0))

    logits, labels = random_case()
    assert make_loss("mine", VOID)(logits, labels) == np.sum(labels != VOID)


@pytest.mark.parametrize("shape", [(2, 6, 7, 5), (), (2,)])
def test_a_loss_of_another_shape_is_refused(forget, shape):
    @register_loss
    def wrong_shape(logits, labels):
        return tf.zeros(shape)

    with pytest.raises(DataError, match="one number a pixel, got float32"):
        make_loss("wrong_shape", VOID)(*random_case())


def test_l2_penalty_counts_weights_and_no_biases():
    variables = {
        "fcn_8s/vgg_16/fc8/weights": tf.Variable([[1.0, 2.0], [3.0, 0.0]]),
        "fcn_8s/pool4_fc/weights": tf.Variable([2.0]),
        "fcn_8s/vgg_16/fc8/biases": tf.Variable([100.0]),
        "fcn_8s/weights/biases": tf.Variable([100.0]),
    }
    assert l2_penalty(variables).numpy() == (1 + 4 + 9 + 4) / 2


def test_median_frequency_weights_by_hand():
    # The median of 100, 400 and 1600 pixels is 400; class 1 does not occur.
    pixels = (1600, 0, 400, 100)
    assert class_weights(pixels, 1.0) == pytest.approx((0.25, 1.0, 1.0, 4.0))
    assert class_weights(pixels, 0.5) == pytest.approx((0.5, 1.0, 1.0, 2.0))
    assert class_weights(pixels, 0.0) is None
    # Between two, the median is their mean: 250.
    assert class_weights((100, 400), 1.0) == pytest.approx((2.5, 0.625))
