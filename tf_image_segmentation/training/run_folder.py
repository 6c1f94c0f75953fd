"""The folder of a training run: one owner, its configuration, its metrics.

Layout: ``config.json``, ``metrics.jsonl``, ``tensorboard/``, ``checkpoints/`` (to resume from:
weights, optimizer, step) and ``model/best/``, ``model/last/`` (weights by name, to use).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tf_image_segmentation.errors import DataError

_PACKAGES = ("tensorflow", "keras", "tf-slim", "numpy", "pillow")
# What may change between the parts of one run without changing what the run computes.
_FREE_FIELDS = {
    "run_dir",
    "init_checkpoint",
    "checkpoint_interval",
    "keep_checkpoints",
    "recipe.validation_interval",
    "val_tfrecords",
    "tfrecords",
}


def _git_commit() -> str | None:
    project = Path(__file__).parents[2]
    if not (project / ".git").exists():
        return None  # installed; a repository further up would be somebody else's
    command = ["git", "rev-parse", "HEAD"]
    try:
        result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()


def environment() -> dict[str, Any]:
    """Returns the versions that a result depends on, and the project's git commit if known."""
    versions = {package: _version(package) for package in _PACKAGES}
    return {"python": platform.python_version(), **versions, "git_commit": _git_commit()}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # a variant of another name, such as tensorflow-cpu
        return None


def _flatten(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict) and value:
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def write_atomically(path: Path, text: str) -> None:
    """Replaces a text file so that a kill leaves either the old content or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)


class RunFolder:
    """Opens ``path`` for one trainer at a time.

    Args:
        path: created if missing.
        config: resolved configuration of the run, plain JSON types.
        resume: whether a run that is already there is continued.

    Raises:
        DataError: another trainer holds the folder, it holds a run and ``resume`` is False, or the
            run there has another configuration.
    """

    def __init__(self, path: Path, config: dict[str, Any], resume: bool) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.best_model = path / "model" / "best"
        self.last_model = path / "model" / "last"
        self.tensorboard = path / "tensorboard"
        self._config_file = path / "config.json"
        self._metrics_file = path / "metrics.jsonl"
        path.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        self._config = config
        self.has_run = self._config_file.exists()
        with self.closed_on_error():
            if self.has_run:
                self._check_resume(config, resume)
            elif any(self.checkpoints.glob("ckpt-[1-9]*.index")):
                raise DataError(
                    f"{path}: holds checkpoints but no config.json to tell what they are of; "
                    "put it back, or use another --run-dir"
                )
            elif resume:
                tqdm.write(f"{path}: no run there yet, starting a new one")

    @contextlib.contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Lets another trainer have the folder if the block raises."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        """Marks the folder as holding a run, by writing its configuration."""
        stored = {**self._config, "environment": environment()}
        write_atomically(self._config_file, json.dumps(stored, indent=2) + "\n")

    def _take_lock(self) -> Any:
        # The system drops the lock with the process, however that ends.
        lock = (self.path / ".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise DataError(
                f"{self.path}: another training process is writing to this folder; "
                "wait for it or use another --run-dir"
            ) from error
        except OSError:
            pass  # this file system has no locks
        return lock

    def _check_resume(self, config: dict[str, Any], resume: bool) -> None:
        if not resume:
            raise DataError(
                f"{self.path}: holds a run already; continue it with --resume, "
                "or use another --run-dir"
            )
        saved = json.loads(self._config_file.read_text())
        saved.pop("environment", None)
        old, new = _flatten(saved), _flatten(config)
        changed = [
            f"  {name}: {old.get(name)} before, {new.get(name)} now"
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name) and name not in _FREE_FIELDS
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
        if not self._metrics_file.exists():
            return []
        lines = self._metrics_file.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def forget_after(self, step: int) -> None:
        """Drops the metrics of steps after ``step``, which a resumed run computes again."""
        kept = [line for line in self.read_metrics() if line["step"] <= step]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        write_atomically(self._metrics_file, text)

    def close(self) -> None:
        """Lets another trainer have the folder."""
        self._lock.close()
