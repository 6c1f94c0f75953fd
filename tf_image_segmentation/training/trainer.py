"""The training loop: one for all models, recipes and numbers of devices."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.evaluate import Prediction, evaluate
from tf_image_segmentation.input.pipeline import Batch
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.models.registry import MODELS, ModelSpec
from tf_image_segmentation.tfrecords.mixture import save_mixture
from tf_image_segmentation.training.config import TrainingConfig
from tf_image_segmentation.training.data import TrainingData
from tf_image_segmentation.training.distribution import Workers, naming_lost_workers
from tf_image_segmentation.training.monitor import Monitor
from tf_image_segmentation.training.optimizers import make_optimizer
from tf_image_segmentation.training.recipe import Interval
from tf_image_segmentation.training.resume import Checkpoints, save_model
from tf_image_segmentation.training.run_folder import RunFolder
from tf_image_segmentation.training.step import TrainingStep
from tf_image_segmentation.training.stop_signals import stop_signals

_PICTURES = 4  # validation images that TensorBoard shows


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


def check_crop_size(crop_size: tuple[int, int], spec: ModelSpec) -> None:
    """Raises a DataError unless a model takes crops of that size."""
    divisor = spec.size_divisor
    if any(side % divisor for side in crop_size):
        nearest = [max(1, round(side / divisor)) * divisor for side in crop_size]
        raise DataError(
            f"crop_size must be height and width in multiples of {divisor} for {spec.name}, for "
            f"example {nearest}, got {list(crop_size)}"
        )


class Trainer:
    """Trains one stage; `train` is the short form.

    Everything that can be found wrong with the inputs is found here, before the first step.
    """

    def __init__(
        self,
        config: TrainingConfig,
        resume: bool = False,
        progress: bool = True,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self._config, self._recipe, self._progress = config, config.recipe, progress
        self._strategy = strategy or tf.distribute.get_strategy()
        self._workers = Workers(self._strategy)
        spec = MODELS[config.model]
        check_crop_size(self._recipe.crop_size, spec)
        self._data = TrainingData.open(config, self._strategy.num_replicas_in_sync)
        described = {**config.to_json(), **self._data.identity()}
        if not self._workers.agree(json.dumps(described, sort_keys=True)):
            raise DataError(
                f"worker {self._workers.index}: workers differ in their options or data; start all "
                "of them with the same command on the same files"
            )
        keras.utils.set_random_seed(config.seed)
        with self._strategy.scope():
            self._network = Network(
                spec.function,
                self._data.info.num_classes,
                self._recipe.compute_dtype,
                **self._recipe.model_options,
            )
            self._optimizer = make_optimizer(self._recipe)
            self._optimizer.build(list(self._network.trainable_variables_by_name.values()))
        # The chief's view of the folder counts: others may look at it before or after it writes.
        self._has_run = self._workers.from_chief((config.run_dir / "config.json").exists())
        if not self._has_run:  # else weights come from the run itself
            self._initialize_weights()
        self._folder = RunFolder(config.run_dir, described, resume, self._workers.is_chief)
        self._best_iou: float | None = None
        self._last_iou: float | None = None
        with self._folder.closed_on_error():
            if self._workers.is_chief and self._folder.has_run != self._has_run:
                raise DataError(
                    f"{config.run_dir}: another training process has just used this folder; "
                    "continue its run with --resume, or use another --run-dir"
                )
            self._checkpoints = Checkpoints(
                self._folder.checkpoints, self._network, self._optimizer, config.keep_checkpoints
            )
            self._start()

    def _initialize_weights(self) -> None:
        checkpoint = self._config.init_checkpoint or self._recipe.init
        if not checkpoint:
            tqdm.write("starting from random weights (no --init-checkpoint)")
            return
        report = self._network.restore(checkpoint, self._recipe.new_layers)
        tqdm.write(str(report))

    def _start(self) -> None:
        if self._data.mixture is not None and self._workers.is_chief:
            save_mixture(self._data.mixture, self._folder.mixture)
        if self._data.validation is None:
            tqdm.write("no validation: the records have no split val, and no --val-tfrecords")
        if self._has_run:
            step = self._restore()
            self._folder.forget_after(step)
            done = [line for line in self._folder.read_metrics() if line["step"] <= step]
            ious = [line["val_mean_iou"] for line in done if "val_mean_iou" in line]
            self._best_iou = max(ious, default=None)
            self._last_iou = ious[-1] if ious else None
            tqdm.write(f"resumed {self._folder.path} at step {step}")
        elif self._workers.is_chief:
            # First something to resume from, then the file that says that there is a run.
            self._checkpoints.save(0)
            self._folder.begin(replicas=self._strategy.num_replicas_in_sync)

    def _restore(self) -> int:
        if self._workers.is_chief:
            return self._workers.from_chief(self._checkpoints.restore())
        # The others take the checkpoint that the chief found usable.
        return self._checkpoints.restore(self._workers.from_chief(0))

    def run(self) -> TrainingResult:
        """Trains until all steps are done or a signal asks to stop.

        SIGINT and SIGTERM, to any worker, let all finish the step, save a checkpoint and return.

        Raises:
            DataError: the loss is not finite, a label is out of range, a record is damaged, memory
                runs out, or another worker is gone; the message says at which step and what to do.
                The last good checkpoint stays.
        """
        with self._strategy.scope():
            step_function = TrainingStep(
                self._network,
                self._optimizer,
                self._data.ignore_label,
                self._recipe.weight_decay,
                self._data.class_weights,
                self._config.seed,
            )
        try:
            return self._loop(step_function)
        finally:
            self._folder.close()

    def _loop(self, step_function: TrainingStep) -> TrainingResult:
        first = int(tf.convert_to_tensor(self._optimizer.iterations))
        steps = self._recipe.steps
        batches = self._strategy.distribute_datasets_from_function(
            lambda context: self._data.batches(self._config, first, context),
            # Image ids are strings, which no GPU holds.
            tf.distribute.InputOptions(experimental_fetch_to_device=False),
        )
        validation = Interval.parse(self._recipe.validation_interval, "validation_interval")
        checkpoint = Interval.parse(self._recipe.checkpoint_interval, "checkpoint_interval")
        validated = saved = time.perf_counter()
        monitor = Monitor(self._folder, self._recipe, first, self._progress)
        with stop_signals() as signals, monitor, self._data.records.naming_damage():
            iterator = iter(batches)
            for step in range(first + 1, steps + 1):
                started, rate = time.perf_counter(), float(self._optimizer.learning_rate)
                loss = self._run_step(step_function, next(iterator), step)
                monitor.step(step, loss, rate, time.perf_counter() - started)
                stopping = self._workers.any(bool(signals))
                now = time.perf_counter()
                due = self._workers.any(validation.is_due(step, now - validated)) and not stopping
                if step == steps or due:
                    self._validate(step, monitor)
                    validated = time.perf_counter()
                    stopping = self._workers.any(bool(signals))
                due = self._workers.any(checkpoint.is_due(step, now - saved))
                if step == steps or stopping or due:
                    self._save(step)
                    saved = time.perf_counter()
                    # Where the end of one process ends the others, the chief must not be last.
                    self._workers.wait_for_all()
                if stopping and step < steps:
                    return self._result(step, 128 + (signals or [signal.SIGTERM])[0])
        return self._result(steps, 0)

    def _run_step(self, step_function: TrainingStep, batch: Batch, step: int) -> float:
        try:
            loss = float(step_function(batch.images, batch.masks))
        except tf.errors.InvalidArgumentError as error:
            if "labels must be" not in error.message:
                raise
            rule = error.message[error.message.index("labels must be") :].split("\n")[0]
            raise DataError(f"step {step}, records {self._ids(batch)}: {rule}") from error
        except tf.errors.ResourceExhaustedError as error:
            raise DataError(
                f"step {step}: out of memory with batch size {self._recipe.batch_size} and crop "
                f"size {list(self._recipe.crop_size)}; make one of them smaller, or use "
                "--compute-dtype bfloat16"
            ) from error
        if not np.isfinite(loss):
            raise DataError(
                f"step {step}: the loss is {loss} for records {self._ids(batch)}{self._others}; a "
                "smaller --learning-rate usually helps; the last checkpoint is from before this "
                "step"
            )
        return loss

    @property
    def _others(self) -> str:
        return "" if self._workers.count == 1 else " and those of the other workers"

    def _ids(self, batch: Batch) -> list[str]:
        """The records that this worker read; a loss is that of all workers."""
        values = self._strategy.experimental_local_results(batch.image_ids)
        return [image_id.decode() for ids in values for image_id in ids.numpy()]

    def _save(self, step: int) -> None:
        if not self._workers.is_chief:
            return
        if not all(bool(tf.reduce_all(tf.math.is_finite(v))) for v in self._network.variables):
            raise DataError(
                f"step {step}: weights are not finite; a smaller --learning-rate usually helps; "
                "the last checkpoint is from before this step"
            )
        # The checkpoint comes last: where it is, all that belongs to its step is there, too.
        save_model(self._folder.last_model, self._network, self._data.info, step)
        self._checkpoints.save(step)

    def _validate(self, step: int, monitor: Monitor) -> None:
        if self._data.validation is None:
            return
        started = time.perf_counter()
        shown: list[Prediction] = []

        def keep_first(prediction: Prediction) -> None:
            if len(shown) < _PICTURES:
                shown.append(prediction)

        matrix = evaluate(
            self._network,
            self._data.validation,
            self._data.info.ignore_label,
            worker=self._workers.index,
            workers=self._workers.count,
            observe=keep_first,
        ).matrix
        matrix.matrix = self._workers.sum(matrix.matrix)
        matrix.ignored_pixels = int(self._workers.sum(np.array(matrix.ignored_pixels)))
        info = self._data.info
        metrics = monitor.validation(step, matrix, info.class_names, time.perf_counter() - started)
        monitor.pictures(step, shown, info)
        self._last_iou = metrics.mean_iou
        if self._best_iou is None or metrics.mean_iou > self._best_iou:
            self._best_iou = metrics.mean_iou
            if self._workers.is_chief:
                save_model(self._folder.best_model, self._network, self._data.info, step)

    def _result(self, step: int, exit_code: int) -> TrainingResult:
        return TrainingResult(step, exit_code, self._last_iou, self._best_iou)


def train(
    config: TrainingConfig,
    resume: bool = False,
    progress: bool = True,
    strategy: tf.distribute.Strategy | None = None,
) -> TrainingResult:
    """Trains one stage as ``config`` says and returns how it ended; see `Trainer`.

    Args:
        config: what to train.
        resume: whether a run that is in the folder already is continued.
        progress: whether a progress bar is shown.
        strategy: what runs on which device, see `distribution.make_strategy`; None takes the
            current one. With several workers, every one of them calls this.

    Raises:
        DataError: the inputs do not fit together, see `Trainer.run`.
    """
    strategy = strategy or tf.distribute.get_strategy()
    with naming_lost_workers(strategy):
        return Trainer(config, resume, progress, strategy).run()
