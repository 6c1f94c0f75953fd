"""Numbered checkpoints to resume from, and models to use; both survive a kill at any moment."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import keras
import tensorflow as tf
from tqdm import tqdm

from tf_image_segmentation.atomic import write_text
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.structs import Range
from tf_image_segmentation.training.averages import Averages


class Checkpoints:
    """Weights, optimizer state and step under ``ckpt-<step>``; the newest ``keep`` stay.

    Args:
        folder: where they lie.
        network: whose weights.
        optimizer: whose state and step.
        keep: how many stay.
        averages: of the weights, if the run makes them.
    """

    def __init__(
        self,
        folder: Path,
        network: Network,
        optimizer: keras.optimizers.Optimizer,
        keep: int,
        averages: Averages | None = None,
    ) -> None:
        self._folder = folder
        parts = {"weights": _keyed(network.variables_by_name), "optimizer": optimizer}
        if averages is not None:
            parts["averages"] = _keyed(averages.by_name)
        self._checkpoint = tf.train.Checkpoint(**parts)
        _drop_unreadable_state(folder)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=keep)

    def save(self, step: int) -> None:
        """Writes ``ckpt-<step>`` and drops the oldest beyond ``keep``.

        Raises:
            DataError: the disk is full or fails; earlier checkpoints stay usable.
        """
        for stale in self._folder.glob("ckpt-*_temp"):  # of a writer that was killed
            shutil.rmtree(stale)
        with _removed_on_failure(self._folder, f"ckpt-{step}"):
            self._manager.save(checkpoint_number=step)

    def restore(self, step: int | None = None) -> int:
        """Restores the newest usable checkpoint, or that of ``step``, and returns its step.

        The numbered files are what counts: the ``checkpoint`` state file may be missing or garbled.

        Raises:
            DataError: no checkpoint is usable.
        """
        for found, prefix in sorted(self._numbered(), reverse=True):
            if step not in (None, found):
                continue
            try:
                self._checkpoint.restore(str(prefix)).assert_consumed()
            except Exception as error:  # a damaged file raises whatever its damage leads to
                reason = str(error).splitlines()[0]
                if isinstance(error, AssertionError):  # of assert_consumed, with all values
                    reason = "it holds other variables than this model and optimizer have"
                tqdm.write(f"{prefix}: not usable ({reason})")
                continue
            return found
        wanted = "no usable checkpoint" if step is None else f"no usable ckpt-{step}"
        raise DataError(
            f"{self._folder}: {wanted} to resume from; put back plugin files that have changed "
            "since the run began, or start a new run in another --run-dir, with several workers "
            "one that all of them see"
        )

    def _numbered(self) -> list[tuple[int, Path]]:
        found = []
        for index in self._folder.glob("ckpt-*.index"):
            if number := re.fullmatch(r"ckpt-(\d+)", index.stem):
                found.append((int(number[1]), index.with_suffix("")))
        return found


def _drop_unreadable_state(folder: Path) -> None:
    """Removes a ``checkpoint`` file that TensorFlow would stop at, as a power loss leaves it."""
    try:
        tf.train.get_checkpoint_state(str(folder))
    except ValueError:  # empty, or not UTF-8
        (folder / "checkpoint").unlink(missing_ok=True)


def _keyed(variables: Mapping[str, tf.Variable]) -> tf.train.Checkpoint:
    # By variable name, so that a checkpoint does not depend on how objects nest.
    return tf.train.Checkpoint(**{name.replace("/", "."): v for name, v in variables.items()})


def save_model(
    folder: Path,
    network: Network,
    info: DatasetInfo,
    step: int,
    intensity_range: Range | None = None,
) -> None:
    """Replaces the model in ``folder`` by the network's weights by name, with its classes.

    The intensity range of the records is kept with it, so that predictions map images the same way.

    The new files are complete before the ``checkpoint`` file points to them, and only then the old
    ones go.

    Raises:
        DataError: the disk is full or fails; the model that was there stays usable.
    """
    name = f"model-{step}"
    with _removed_on_failure(folder, name):
        kept = {"dataset": info.to_json(), "intensity_range": intensity_range, "step": step}
        network.save(folder / name, kept)
        # What tf.train.latest_checkpoint reads.
        state = f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n'
        write_text(folder / "checkpoint", state)
    for file in folder.glob("model-*"):
        if file.name.split(".")[0] != name:
            _remove(file)


@contextlib.contextmanager
def _removed_on_failure(folder: Path, name: str) -> Iterator[None]:
    """Turns a failing disk into a DataError, and removes what was written under ``name``."""
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        for partial in [*folder.glob(f"{name}.*"), *folder.glob(f"{name}_temp*")]:
            _remove(partial)
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{folder}: saving {name} failed ({reason}); what was saved before is untouched; make "
            "room and resume"
        ) from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
