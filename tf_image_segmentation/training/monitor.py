"""What a run shows and records while it trains."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix, Metrics
from tf_image_segmentation.evaluation.evaluate import Prediction
from tf_image_segmentation.evaluation.summary import confusion_figure
from tf_image_segmentation.inference.visualization import colorize, rendered
from tf_image_segmentation.training.recipe import Recipe
from tf_image_segmentation.training.run_folder import RunFolder

_SCALAR_INTERVAL = 10


class _Smooth:
    """A running mean that forgets: steady enough to read, recent enough to trust."""

    def __init__(self) -> None:
        self._value: float | None = None

    def add(self, value: float) -> float:
        self._value = value if self._value is None else 0.95 * self._value + 0.05 * value
        return self._value


def _mark_start(writer: tf.summary.SummaryWriter, step: int) -> None:
    """Makes TensorBoard drop what was recorded from ``step`` on, which a resumed run records anew.

    The first mark in a folder drops nothing, so that a fresh run writes one, too.
    """
    log = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
    event = tf.compat.v1.Event(wall_time=time.time(), step=step, session_log=log)
    with tf.device("cpu:0"):
        # tf.summary has no name for events that are no summaries.
        tf.raw_ops.ImportEvent(writer=writer._resource, event=event.SerializeToString())


class Monitor:
    """Progress bar, ``metrics.jsonl`` and TensorBoard of one run; use it as a context."""

    def __init__(self, folder: RunFolder, recipe: Recipe, first_step: int, progress: bool) -> None:
        self._folder, self._batch_size = folder, recipe.batch_size
        if folder.is_owner:
            self._writer = tf.summary.create_file_writer(str(folder.tensorboard))
            _mark_start(self._writer, first_step + 1)
        else:
            self._writer = tf.summary.create_noop_writer()
        self._bar = tqdm(
            total=recipe.steps,
            initial=first_step,
            desc="train",
            unit="step",
            disable=not (progress and folder.is_owner),
        )
        self._loss, self._seconds = _Smooth(), _Smooth()
        self._shown: dict[str, str] = {}

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()
        self._writer.close()

    def step(self, step: int, loss: float, learning_rate: float, seconds: float) -> None:
        """Records one step that took ``seconds``."""
        self._folder.log(
            step=step, loss=loss, learning_rate=learning_rate, seconds=round(seconds, 4)
        )
        rate = self._batch_size / self._seconds.add(seconds)
        self._show(loss=f"{self._loss.add(loss):.4f}", **{"images/s": f"{rate:.2f}"})
        self._bar.update()
        if step % _SCALAR_INTERVAL == 0:
            self._scalars(step, loss=loss, learning_rate=learning_rate, images_per_second=rate)

    def validation(
        self, step: int, matrix: ConfusionMatrix, class_names: tuple[str, ...], seconds: float
    ) -> Metrics:
        """Records one validation that took ``seconds``, and returns its metrics."""
        metrics = matrix.metrics()
        values = {
            "val_mean_iou": metrics.mean_iou,
            "val_mean_pixel_accuracy": metrics.mean_pixel_accuracy,
            "val_pixel_accuracy": metrics.pixel_accuracy,
        }
        self._folder.log(step=step, **values, seconds=round(seconds, 1))
        self._scalars(step, **values)
        ious = zip(class_names, metrics.per_class_iou, strict=True)
        self._scalars(step, **{f"val_iou/{name}": iou for name, iou in ious})
        if self._folder.is_owner:
            with self._writer.as_default():
                picture = rendered(confusion_figure(matrix, class_names))
                tf.summary.image("confusion matrix", picture[np.newaxis], step=step)
        self._show(**{"val mIoU": f"{metrics.mean_iou:.4f}"})
        return metrics

    def pictures(self, step: int, shown: Sequence[Prediction], info: DatasetInfo) -> None:
        """Writes images with truth and prediction in the dataset's palette to TensorBoard."""
        if not self._folder.is_owner:
            return
        with self._writer.as_default():
            for number, (_, image, mask, labels, _) in enumerate(shown):
                painted = [colorize(ids, info.palette) for ids in (mask, labels)]
                picture = np.concatenate([image, *painted], axis=1)[np.newaxis]
                tf.summary.image(f"image, truth, prediction/{number}", picture, step=step)
        self._writer.flush()

    def _show(self, **values: str) -> None:
        self._shown |= values
        self._bar.set_postfix(self._shown, refresh=False)

    def _scalars(self, step: int, **values: Any) -> None:
        with self._writer.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)
