"""What is told about a run while it trains: callbacks, yours and the built-in ones."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix
from tf_image_segmentation.evaluation.evaluate import Prediction
from tf_image_segmentation.evaluation.summary import confusion_figure
from tf_image_segmentation.inference.visualization import colorize, rendered
from tf_image_segmentation.training.config import TrainingConfig
from tf_image_segmentation.training.run_folder import RunFolder

_SCALAR_INTERVAL = 10


@dataclass(frozen=True)
class Validation:
    """What a validation found.

    Attributes:
        values: ``val_loss``, and each metric of the recipe as ``val_<name>`` or, if it has one
            value a class, their mean as ``val_mean_<name>``.
        per_class: metrics with one value a class, by name.
        matrix: the counts that they follow from.
        shown: the first few images with their predictions.
        info: the classes.
        seconds: how long it took.
    """

    values: Mapping[str, float]
    per_class: Mapping[str, np.ndarray]
    matrix: ConfusionMatrix
    shown: Sequence[Prediction]
    info: DatasetInfo
    seconds: float


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Attributes:
        step: steps done.
        exit_code: 0 when all steps are done, 130 after SIGINT, 143 after SIGTERM.
        mean_iou: the last validation's, None without validation records.
        best_mean_iou: the best validation's.
    """

    step: int
    exit_code: int
    mean_iou: float | None
    best_mean_iou: float | None


class Callback:
    """Is told about a run; override what you need.

    Of several processes, only the chief calls. An exception ends the run; its last checkpoint
    stays.
    """

    def on_start(self, config: TrainingConfig, step: int) -> None:
        """Called before the first step; ``step`` is above 0 for a resumed run."""

    def on_step(self, step: int, values: Mapping[str, float]) -> None:
        """Called after each step with its ``loss``, ``learning_rate`` and ``seconds``."""

    def on_validation(self, step: int, validation: Validation) -> None:
        """Called after each validation."""

    def on_end(self, result: TrainingResult | None) -> None:
        """Called once at the end; ``result`` is None if the run ends in an error."""


class Callbacks(Callback):
    """Tells several callbacks, in order."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._callbacks = tuple(callbacks)

    def on_start(self, config: TrainingConfig, step: int) -> None:  # noqa: D102
        for callback in self._callbacks:
            callback.on_start(config, step)

    def on_step(self, step: int, values: Mapping[str, float]) -> None:  # noqa: D102
        for callback in self._callbacks:
            callback.on_step(step, values)

    def on_validation(self, step: int, validation: Validation) -> None:  # noqa: D102
        for callback in self._callbacks:
            callback.on_validation(step, validation)

    def on_end(self, result: TrainingResult | None) -> None:  # noqa: D102
        errors = []
        for callback in self._callbacks:
            try:
                callback.on_end(result)
            except Exception as error:  # the others close their files first
                errors.append(error)
        if errors:
            raise errors[0]

    @contextlib.contextmanager
    def running(self, config: TrainingConfig, step: int) -> Iterator[None]:
        """Calls ``on_start``, and ``on_end(None)`` if the block raises."""
        try:
            self.on_start(config, step)
            yield
        except BaseException:
            with contextlib.suppress(Exception):  # what ended the run is what matters
                self.on_end(None)
            raise


class MetricsLog(Callback):
    """Writes ``metrics.jsonl``."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def on_step(self, step: int, values: Mapping[str, float]) -> None:
        """Adds the line of a step."""
        self._folder.log(step=step, **{**values, "seconds": round(values["seconds"], 4)})

    def on_validation(self, step: int, validation: Validation) -> None:
        """Adds the line of a validation."""
        self._folder.log(step=step, **validation.values, seconds=round(validation.seconds, 1))


class _Smooth:
    """A running mean that forgets: steady enough to read, recent enough to trust."""

    def __init__(self) -> None:
        self._value: float | None = None

    def add(self, value: float) -> float:
        self._value = value if self._value is None else 0.95 * self._value + 0.05 * value
        return self._value


class ProgressBar(Callback):
    """Shows the progress with loss, speed and the last validation's mean IoU."""

    def __init__(self) -> None:
        self._loss, self._seconds = _Smooth(), _Smooth()
        self._shown: dict[str, str] = {}

    def on_start(self, config: TrainingConfig, step: int) -> None:
        """Shows the bar."""
        self._batch_size = config.recipe.batch_size
        self._bar = tqdm(total=config.recipe.steps, initial=step, desc="train", unit="step")

    def on_step(self, step: int, values: Mapping[str, float]) -> None:
        """Moves it."""
        rate = self._batch_size / self._seconds.add(values["seconds"])
        self._show(loss=f"{self._loss.add(values['loss']):.4f}", **{"images/s": f"{rate:.2f}"})
        self._bar.update()

    def on_validation(self, step: int, validation: Validation) -> None:
        """Shows the mean IoU."""
        self._show(**{"val mIoU": f"{validation.values['val_mean_iou']:.4f}"})

    def on_end(self, result: TrainingResult | None) -> None:
        """Leaves the bar as it is."""
        self._bar.close()

    def _show(self, **values: str) -> None:
        self._shown |= values
        self._bar.set_postfix(self._shown, refresh=False)


class TensorBoard(Callback):
    """Writes what TensorBoard shows: curves, the confusion matrix and some predictions."""

    def __init__(self, folder: str) -> None:
        self._folder, self._seconds = folder, _Smooth()

    def on_start(self, config: TrainingConfig, step: int) -> None:
        """Opens a file of events."""
        self._batch_size = config.recipe.batch_size
        self._writer = tf.summary.create_file_writer(self._folder)
        _mark_start(self._writer, step + 1)

    def on_step(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to the curves now and then."""
        rate = self._batch_size / self._seconds.add(values["seconds"])
        if step % _SCALAR_INTERVAL == 0:
            shown = {name: value for name, value in values.items() if name != "seconds"}
            self._scalars(step, images_per_second=rate, **shown)

    def on_validation(self, step: int, validation: Validation) -> None:
        """Adds metrics and pictures."""
        names, palette = validation.info.class_names, validation.info.palette
        self._scalars(step, **validation.values)
        for metric, numbers in validation.per_class.items():
            each = zip(names, numbers, strict=True)
            self._scalars(step, **{f"val_{metric}/{name}": value for name, value in each})
        with self._writer.as_default():
            picture = rendered(confusion_figure(validation.matrix, names))
            tf.summary.image("confusion matrix", picture[np.newaxis], step=step)
            for number, shown in enumerate(validation.shown):
                painted = [colorize(ids, palette) for ids in (shown.mask, shown.labels)]
                picture = np.concatenate([shown.image, *painted], axis=1)[np.newaxis]
                tf.summary.image(f"image, truth, prediction/{number}", picture, step=step)
        self._writer.flush()

    def on_end(self, result: TrainingResult | None) -> None:
        """Closes the file."""
        self._writer.close()

    def _scalars(self, step: int, **values: Any) -> None:
        with self._writer.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)


def _mark_start(writer: tf.summary.SummaryWriter, step: int) -> None:
    """Makes TensorBoard drop what was recorded from ``step`` on, which a resumed run records anew.

    The first mark in a folder drops nothing, so that a fresh run writes one, too.
    """
    log = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
    event = tf.compat.v1.Event(wall_time=time.time(), step=step, session_log=log)
    with tf.device("cpu:0"):
        # tf.summary has no name for events that are no summaries.
        tf.raw_ops.ImportEvent(writer=writer._resource, event=event.SerializeToString())
