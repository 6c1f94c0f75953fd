"""The training loop: one for all models, recipes and numbers of devices.

Read it from `train` downwards.
"""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.input.pipeline import Batch
from tf_image_segmentation.tfrecords.mixture import save_mixture
from tf_image_segmentation.training.averages import Averages
from tf_image_segmentation.training.callbacks import (
    Callback,
    Callbacks,
    MetricsLog,
    ProgressBar,
    TensorBoard,
    TrainingResult,
)
from tf_image_segmentation.training.checkpoints import Checkpoints, save_model
from tf_image_segmentation.training.config import TrainingConfig, plugin_hashes
from tf_image_segmentation.training.data import TrainingData
from tf_image_segmentation.training.distribution import Workers, naming_lost_workers
from tf_image_segmentation.training.interval import Timer
from tf_image_segmentation.training.losses.total import make_loss
from tf_image_segmentation.training.optimizers import make_optimizer, trained_variables
from tf_image_segmentation.training.run_folder import RunFolder
from tf_image_segmentation.training.start import build_network, initialize
from tf_image_segmentation.training.step import TrainingStep
from tf_image_segmentation.training.stop_signals import stop_signals
from tf_image_segmentation.training.validation import validate, validation_metrics


def train(
    config: TrainingConfig,
    resume: bool = False,
    progress: bool = True,
    strategy: tf.distribute.Strategy | None = None,
    callbacks: Sequence[Callback] = (),
) -> TrainingResult:
    """Trains one model as ``config`` says and returns how it ended.

    SIGINT and SIGTERM, to any worker, let all finish the step, save a checkpoint and return.

    Args:
        config: what to train.
        resume: whether a run that is in the folder already is continued.
        progress: whether a progress bar is shown.
        strategy: what runs on which device, see `distribution.make_strategy`; None takes the
            current one. With several workers, every one of them calls this.
        callbacks: are told about the run, after the built-in ones that write ``metrics.jsonl`` and
            TensorBoard's events.

    Raises:
        DataError: the inputs do not fit together, which is found before the first step; or the loss
            is not finite, a label is out of range, a record is damaged, memory runs out, or another
            worker is gone: the message says at which step and what to do. The last good checkpoint
            stays.
    """
    strategy = strategy or tf.distribute.get_strategy()
    with naming_lost_workers(strategy):
        return Trainer(config, resume, strategy).run(callbacks, progress)


class Trainer:
    """What a run consists of; `train` is the short form.

    Everything that can be found wrong with the inputs is found when it is made.
    """

    def __init__(
        self,
        config: TrainingConfig,
        resume: bool = False,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self._config, self._recipe = config, config.recipe
        self._strategy = strategy or tf.distribute.get_strategy()
        self._workers = Workers(self._strategy)
        self._data = TrainingData.open(config, self._strategy.num_replicas_in_sync)
        self._metrics = validation_metrics(self._recipe.metrics, self._data.info)
        described = {**config.to_json(), **self._data.identity()}
        if self._data.intensity_range is not None:
            described["intensity_range"] = list(self._data.intensity_range)
        if plugins := plugin_hashes(config):
            described["plugins"] = plugins
        if not self._workers.agree(json.dumps(described, sort_keys=True)):
            raise DataError(
                f"worker {self._workers.index}: workers differ in their options or data; start all "
                "of them with the same command on the same files"
            )
        keras.utils.set_random_seed(config.seed)
        with self._strategy.scope():
            self._build()
        # The chief's view of the folder counts: others may look at it before or after it writes.
        has_run = bool(self._workers.from_chief((config.run_dir / "config.json").exists()))
        if not has_run:  # else weights come from the run itself
            self._initialize_weights()
        self._folder = RunFolder(config.run_dir, described, resume, self._workers.is_chief)
        self._best_iou: float | None = None
        self._last_iou: float | None = None
        with self._folder.closed_on_error():
            self._open_run(has_run)

    def _build(self) -> None:
        """Makes the network, its optimizer and what else has variables."""
        self._network = build_network(self._config.model, self._data.info.num_classes, self._recipe)
        trainable = self._network.trainable_variables_by_name
        trained = trained_variables(trainable, self._recipe.frozen)
        self._optimizer = make_optimizer(self._recipe, trained)
        self._averages = Averages(self._network, self._recipe.ema) if self._recipe.ema else None
        self._loss = make_loss(self._recipe.loss, self._data.ignore_label, self._data.class_weights)
        self._step = TrainingStep(
            self._network,
            self._optimizer,
            self._loss,
            trained,
            self._recipe.weight_decay,
            self._recipe.accumulate,
            self._config.seed,
        )

    def _initialize_weights(self) -> None:
        for line in initialize(self._network, self._config.init_checkpoint, self._recipe):
            tqdm.write(line)
        if self._averages:
            self._averages.start()

    def _open_run(self, has_run: bool) -> None:
        """Begins a run in the folder, or restores the one that is there."""
        if self._workers.is_chief and self._folder.has_run != has_run:
            raise DataError(
                f"{self._folder.path}: another training process has just used this folder; "
                "continue its run with --resume, or use another --run-dir"
            )
        self._checkpoints = Checkpoints(
            self._folder.checkpoints,
            self._network,
            self._optimizer,
            self._config.keep_checkpoints,
            self._averages,
        )
        if self._data.mixture is not None and self._workers.is_chief:
            save_mixture(self._data.mixture, self._folder.mixture)
        if self._data.validation is None:
            tqdm.write("no validation: the records have no split val, and no --val-tfrecords")
        tqdm.write(f"{self._config.model}, {self._recipe.steps} steps, into {self._folder.path}")
        if has_run:
            self._resume()
        elif self._workers.is_chief:
            # First something to resume from, then the file that says that there is a run.
            self._checkpoints.save(0)
            self._folder.begin(replicas=self._strategy.num_replicas_in_sync)

    def _resume(self) -> None:
        if self._workers.is_chief:
            step = self._workers.from_chief(self._checkpoints.restore())
        else:  # the others take the checkpoint that the chief found usable
            step = self._checkpoints.restore(self._workers.from_chief(0))
        self._folder.forget_after(step)
        done = [line for line in self._folder.read_metrics() if line["step"] <= step]
        ious = [line["val_mean_iou"] for line in done if "val_mean_iou" in line]
        self._best_iou = max(ious, default=None)
        self._last_iou = ious[-1] if ious else None
        tqdm.write(f"resumed {self._folder.path} at step {step}")

    def run(self, callbacks: Sequence[Callback] = (), progress: bool = True) -> TrainingResult:
        """Trains until all steps are done or a signal asks to stop; see `train`."""
        first = int(tf.convert_to_tensor(self._optimizer.iterations))
        told = self._callbacks(callbacks, progress)
        with (
            contextlib.closing(self._folder),
            self._data.records.naming_damage(),
            stop_signals() as signals,
            told.running(self._config, first),
        ):
            result = self._loop(first, told, signals)
        told.on_end(result)
        return result

    def _callbacks(self, callbacks: Sequence[Callback], progress: bool) -> Callbacks:
        if not self._workers.is_chief:
            return Callbacks([])
        bar = [ProgressBar()] if progress else []
        tensorboard = TensorBoard(str(self._folder.tensorboard))
        return Callbacks([MetricsLog(self._folder), tensorboard, *bar, *callbacks])

    def _loop(self, first: int, told: Callbacks, signals: list[int]) -> TrainingResult:
        batches = self._strategy.distribute_datasets_from_function(
            lambda context: self._data.batches(self._config, first, context),
            # Image ids are strings, which no GPU holds.
            tf.distribute.InputOptions(experimental_fetch_to_device=False),
        )
        validation = Timer(self._recipe.validation_interval)
        checkpoint = Timer(self._recipe.checkpoint_interval)
        iterator, steps = iter(batches), self._recipe.steps
        for step in range(first + 1, steps + 1):
            started, rate = time.perf_counter(), float(self._optimizer.learning_rate)
            loss = self._run_step(next(iterator), step)
            seconds = time.perf_counter() - started
            told.on_step(step, {"loss": loss, "learning_rate": rate, "seconds": seconds})
            stopping, validating, saving = self._workers.any_of(
                [bool(signals), validation.is_due(step), checkpoint.is_due(step)]
            )
            if step == steps or (validating and not stopping):
                self._validate(step, told)
                validation.restart()
                stopping = self._workers.any(bool(signals))
            if step == steps or stopping or saving:
                self._save(step)
                checkpoint.restart()
                # Where the end of one process ends the others, the chief must not be last.
                self._workers.wait_for_all()
            if stopping and step < steps:
                return self._result(step, 128 + (signals or [signal.SIGTERM])[0])
        return self._result(steps, 0)

    def _run_step(self, batch: Batch, step: int) -> float:
        try:
            loss = float(self._step(batch.images, batch.masks))
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
            others = "" if self._workers.count == 1 else " and those of the other workers"
            raise DataError(
                f"step {step}: the loss is {loss} for records {self._ids(batch)}{others}; a "
                "smaller --learning-rate usually helps; the last checkpoint is from before this "
                "step"
            )
        if self._averages:
            self._averages.update(step)
        return loss

    def _ids(self, batch: Batch) -> list[str]:
        """The records that this worker read; a loss is that of all workers."""
        values = self._strategy.experimental_local_results(batch.image_ids)
        return [image_id.decode() for ids in values for image_id in ids.numpy()]

    def _averaged(self) -> contextlib.AbstractContextManager[None]:
        """Lets the block use averaged weights, where the recipe averages them."""
        return self._averages.in_use() if self._averages else contextlib.nullcontext()

    def _validate(self, step: int, told: Callbacks) -> None:
        if self._data.validation is None:
            return
        with self._averaged():
            found = validate(
                self._network,
                self._data.validation,
                self._data.info,
                self._loss,
                self._metrics,
                self._workers,
            )
            self._last_iou = iou = found.values["val_mean_iou"]
            if self._best_iou is None or np.isnan(self._best_iou) or iou > self._best_iou:
                self._best_iou = iou
                if self._workers.is_chief:
                    self._save_model(self._folder.best_model, step)
        told.on_validation(step, found)

    def _save(self, step: int) -> None:
        if not self._workers.is_chief:
            return
        if not all(bool(tf.reduce_all(tf.math.is_finite(v))) for v in self._network.variables):
            raise DataError(
                f"step {step}: weights are not finite; a smaller --learning-rate usually helps; "
                "the last checkpoint is from before this step"
            )
        # The checkpoint comes last: where it is, all that belongs to its step is there, too.
        with self._averaged():
            self._save_model(self._folder.last_model, step)
        self._checkpoints.save(step)

    def _save_model(self, folder: Path, step: int) -> None:
        data = self._data
        save_model(folder, self._network, data.info, step, data.intensity_range)

    def _result(self, step: int, exit_code: int) -> TrainingResult:
        return TrainingResult(step, exit_code, self._last_iou, self._best_iou)
