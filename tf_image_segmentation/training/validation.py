"""The validation of a run: the recipe's loss and metrics over the validation records."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.counts import Counts
from tf_image_segmentation.evaluation.evaluate import Prediction
from tf_image_segmentation.evaluation.metrics import by_class, parse_metrics, scalars
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.inference.stream import Item, predict_each
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.registry import Part
from tf_image_segmentation.tfrecords.reader import Records
from tf_image_segmentation.training.callbacks import Validation
from tf_image_segmentation.training.distribution import Workers

_SHOWN = 4  # images that TensorBoard shows
_TINY = np.finfo(np.float32).tiny

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def validation_metrics(parts: Sequence[Part], info: DatasetInfo) -> tuple[Part, ...]:
    """Returns the metrics of a recipe, once they are known to work, and the mean IoU with them.

    Args:
        parts: of the recipe.
        info: the classes.

    Raises:
        DataError: a metric is unknown, has wrong arguments, occurs twice, or fails on labels of
            these classes.
    """
    found = parse_metrics(parts)
    for part in found:
        _try_metric(part, info)
    chooses_best = Part("mean_iou")
    return found if any(p.name == chooses_best.name for p in found) else (*found, chooses_best)


def _try_metric(part: Part, info: DatasetInfo) -> None:
    """Computes a metric for an image of all classes, so that a run does not end at its first."""
    counts, image = Counts([part], info.num_classes, None), np.arange(info.num_classes)[np.newaxis]
    try:
        counts.update(image, image, part.name)
        counts.results()
    except DataError:
        raise
    except Exception as error:  # whatever a metric of the user raises
        raise DataError(
            f"metric {part.name!r} fails on an image of all classes with arguments "
            f"{dict(part.arguments)} ({type(error).__name__}: {error}); correct it"
        ) from error


def validate(
    network: Network,
    records: Records,
    info: DatasetInfo,
    loss: Loss,
    metrics: Sequence[Part],
    workers: Workers,
) -> Validation:
    """Predicts every validation image at its own size and measures the predictions.

    Of several workers, all of them call this; each predicts its share, and all get the same sums.

    Args:
        network: the network.
        records: what to validate on.
        info: the classes.
        loss: from logits [1, height, width, num_classes] and masks [1, height, width], the mean
            over the labeled pixels. Each image, of large ones each window, counts by its labeled
            pixels.
        metrics: what to compute, see `validation_metrics`.
        workers: the processes that train together.

    Raises:
        DataError: a record is damaged, or a mask holds an id that is no class.
    """
    started = time.perf_counter()
    counts = Counts(metrics, network.num_classes, info.ignore_label)
    shown: list[Prediction] = []
    total = np.zeros(2)  # of losses, each times its labeled pixels, and of these
    items = (
        Item(image_id, image, mask)
        for image, mask, image_id in records.examples(worker=workers.index, workers=workers.count)
    )
    for item, blocks in predict_each(network, items, PredictionOptions(probabilities=True)):
        place = f"{records.files[0].parent}: image {item.name}"
        labels = np.empty(item.data.shape, np.uint8)
        for block in blocks:
            truth = item.data[block.rows, block.columns]
            labels[block.rows, block.columns] = block.labels
            counts.update_matrix(truth, block.labels, place)
            total += _loss_of(block.probabilities, truth, loss, info.ignore_label)
        counts.update_images(item.data, labels)
        if len(shown) < _SHOWN:
            shown.append(Prediction(item.name, item.image, item.data, labels, labels))
    counts.add_up(workers.sum)
    loss_sum, pixels = workers.sum(total)
    results = counts.results()
    values = {f"val_{name}": value for name, value in scalars(results).items()}
    values = {"val_loss": float(loss_sum / pixels) if pixels else 0.0, **values}
    seconds = time.perf_counter() - started
    return Validation(values, by_class(results), counts.matrix, shown, info, seconds)


def _loss_of(
    probabilities: np.ndarray | None, truth: np.ndarray, loss: Loss, ignore_label: int | None
) -> tuple[float, float]:
    """Returns the loss of a part of an image times its labeled pixels, and their number."""
    assert probabilities is not None
    pixels = truth.size if ignore_label is None else np.count_nonzero(truth != ignore_label)
    if not pixels:
        return 0.0, 0.0
    # Logits but for a constant of each pixel, which softmax takes out again.
    logits = tf.math.log(tf.maximum(probabilities[np.newaxis], _TINY))
    return float(loss(logits, truth[np.newaxis])) * pixels, float(pixels)
