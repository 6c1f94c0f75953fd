"""The folder of a training run: one owner, its configuration, its metrics.

Layout: ``config.json``, ``metrics.jsonl``, ``tensorboard/``, ``checkpoints/`` (to resume from:
weights, optimizer, step), ``model/best/``, ``model/last/`` (weights by name, to use) and, where
several datasets train together, ``data/`` (the mixture, which opens like a folder of records).
"""

from __future__ import annotations

import contextlib
import json
import platform
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tf_image_segmentation import __version__
from tf_image_segmentation.atomic import write_json, write_text
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.locks import FolderLock
from tf_image_segmentation.training.run_files import (
    CONFIG_FILE,
    METRICS_FILE,
    differences,
    read_config,
    read_metrics,
)

_PACKAGE = "tf_image_segmentation"
_PACKAGES = ("tensorflow", "keras", "tf-slim", "numpy", "pillow")
# What may change between the parts of one run without changing what the run computes.
_FREE_FIELDS = {
    "intensity_range",  # follows from the records, which are compared
    "run_dir",
    "init_checkpoint",
    "recipe.checkpoint_interval",
    "recipe.init",
    "recipe.metrics",
    "keep_checkpoints",
    "recipe.validation_interval",
    "val_tfrecords",
    "tfrecords",
    # What follows from these and from the folders is compared as "mixture".
    "class_map",
    "sampling_weights",
}


def _git(*arguments: str) -> str | None:
    project = Path(__file__).parents[2]
    if not (project / ".git").exists():
        return None  # installed; a repository further up would be somebody else's
    command = ["git", *arguments]
    try:
        result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()


def environment() -> dict[str, Any]:
    """Returns the versions that a result depends on; of git, None where there is no repository."""
    versions = {package: _version(package) for package in _PACKAGES}
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "python": platform.python_version(),
        _PACKAGE: __version__,
        **versions,
        "git_commit": _git("rev-parse", "HEAD"),
        "git_changes": None if changes is None else bool(changes),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # a variant of another name, such as tensorflow-cpu
        return None


class RunFolder:
    """Opens ``path`` for one trainer at a time.

    Args:
        path: created if missing.
        config: resolved configuration of the run, plain JSON types.
        resume: whether a run that is already there is continued.
        is_owner: False for a worker that only reads: it locks, checks and writes nothing.

    Raises:
        DataError: another trainer holds the folder, it holds a run and ``resume`` is False, or the
            run there has another configuration.
    """

    def __init__(
        self, path: Path, config: dict[str, Any], resume: bool, is_owner: bool = True
    ) -> None:
        self.path, self.is_owner = path, is_owner
        self.checkpoints = path / "checkpoints"
        self.best_model = path / "model" / "best"
        self.last_model = path / "model" / "last"
        self.tensorboard = path / "tensorboard"
        self.mixture = path / "data"
        self._config_file = path / CONFIG_FILE
        self._metrics_file = path / METRICS_FILE
        self._config = config
        self._lock: FolderLock | None = None
        if is_owner:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(path, "wait for it or use another --run-dir")
            self._check(resume)

    @property
    def has_run(self) -> bool:
        """Whether there is a run in the folder."""
        return self._config_file.exists()

    def _check(self, resume: bool) -> None:
        with self.closed_on_error():
            if self.has_run:
                self._check_resume(self._config, resume)
            elif any(self.checkpoints.glob("ckpt-[1-9]*.index")):
                raise DataError(
                    f"{self.path}: holds checkpoints but no config.json to tell what they are of; "
                    "put it back, or use another --run-dir"
                )
            elif resume:
                tqdm.write(f"{self.path}: no run there yet, starting a new one")

    @contextlib.contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Lets another trainer have the folder if the block raises."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def begin(self, **facts: Any) -> None:
        """Marks the folder as holding a run, by writing its configuration.

        Further ``facts`` are stored with the environment, and not compared at a resume.
        """
        stored = {**self._config, "environment": {**environment(), **facts}}
        write_json(self._config_file, stored)

    def _check_resume(self, config: dict[str, Any], resume: bool) -> None:
        if not resume:
            raise DataError(
                f"{self.path}: holds a run already; continue it with --resume, "
                "or use another --run-dir"
            )
        saved = read_config(self.path)
        if saved.pop("environment", {}).get(_PACKAGE) != __version__:
            tqdm.write(
                f"{self.path}: another version of {_PACKAGE} began this run; what is drawn at "
                "random may differ from here on"
            )
        found = differences([saved, config])
        for name in [name for name in found if name.startswith("plugins.")]:
            old, new = found.pop(name)
            tqdm.write(f"{self.path}: the file of {name[8:]} has changed: {old} before, {new} now")
        changed = [
            f"  {name}: {old} before, {new} now"
            for name, (old, new) in found.items()
            if name not in _FREE_FIELDS
        ]
        if changed:
            raise DataError(
                f"{self.path}: cannot resume, because the configuration differs:\n"
                + "\n".join(changed)
                + "\nuse the same one, or start a new run in another --run-dir"
            )

    def log(self, **fields: Any) -> None:
        """Appends one line to ``metrics.jsonl``."""
        with self._metrics_file.open("a") as file:
            file.write(json.dumps(fields) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """Returns the lines of ``metrics.jsonl``; a last line cut by a kill is left out."""
        return read_metrics(self._metrics_file)

    def forget_after(self, step: int) -> None:
        """Drops the metrics of steps after ``step``, which a resumed run computes again."""
        if not self.is_owner:
            return
        kept = [line for line in self.read_metrics() if line["step"] <= step]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        write_text(self._metrics_file, text)

    def close(self) -> None:
        """Lets another trainer have the folder."""
        if self._lock is not None:
            self._lock.close()
