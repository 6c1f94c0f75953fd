"""Reads the folders of training runs, and says in which settings they differ.

Nothing here loads TensorFlow, so that runs can be compared in a second while others train.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import read_json
from tf_image_segmentation.training.config import check_saved

CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.jsonl"


def flatten(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested fields by their path, such as ``recipe.steps``; an empty table is a value."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def differences(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Returns the fields that are not the same in all configurations.

    Args:
        configs: JSON types; nested fields are named by their path, such as ``recipe.steps``.

    Returns:
        The values of each such field, in the order of ``configs``, by name in alphabetical order. A
        field that a configuration lacks counts as None, as it has the setting's value from before
        there was one.
    """
    flat = [flatten(config) for config in configs]
    names = sorted(set().union(*flat))
    values = {name: [config.get(name) for config in flat] for name in names}
    return {name: found for name, found in values.items() if any(v != found[0] for v in found)}


def read_config(folder: str | Path) -> dict[str, Any]:
    """Returns the ``config.json`` of a run, one of an earlier version in today's form.

    Raises:
        DataError: there is none, or it is damaged.
    """
    folder = Path(folder)
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise DataError(
            f"{folder}: no {CONFIG_FILE}, so this is not the folder of a training run; name what "
            "--run-dir of the training named, such as runs/fcn_32s"
        )
    try:
        return check_saved(read_json(path, dict[str, Any]), path)
    except DataError as error:
        raise DataError(f"{error}; restore it from a copy") from error


def run_of(checkpoint: str | Path) -> Path | None:
    """Returns the folder of the run whose ``model`` folder holds a checkpoint, or None."""
    checkpoint = Path(checkpoint)
    checkpoint = checkpoint.resolve()
    for folder in (checkpoint, *checkpoint.parents):
        if folder.name == "model" and (folder.parent / CONFIG_FILE).is_file():
            return folder.parent
    return None


def read_metrics(path: str | Path) -> list[dict[str, Any]]:
    """Returns the lines of a ``metrics.jsonl``; a last line cut by a kill is left out.

    Raises:
        DataError: another line is damaged.
    """
    path = Path(path)
    if not path.exists():
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    return [
        _parse_metrics(line, f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.endswith(b"\n")
    ]


def _parse_metrics(line: bytes, place: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
        if isinstance(fields, dict) and isinstance(fields["step"], int):
            return fields
    except (ValueError, KeyError):
        pass
    raise DataError(
        f'{place}: a line must be a JSON object with a "step"; take the line out, or restore the '
        "file from a copy"
    )


@dataclass(frozen=True)
class Run:
    """What the folder of a run tells about it, however far it has come.

    Attributes:
        name: tells it apart from the runs that it was read with.
        config: its ``config.json``.
        metrics: the lines of its ``metrics.jsonl``, oldest first.
    """

    name: str
    config: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]]

    @property
    def step(self) -> int:
        """The last step that is recorded, 0 for none."""
        return int(self.metrics[-1]["step"]) if self.metrics else 0

    @property
    def total_steps(self) -> int | None:
        """The steps that it is to do, as far as known."""
        recipe = self.config.get("recipe")
        return recipe.get("steps") if isinstance(recipe, dict) else None

    @property
    def validations(self) -> list[Mapping[str, Any]]:
        """The lines with the metrics of a validation."""
        return [line for line in self.metrics if "val_mean_iou" in line]

    @property
    def best_validation(self) -> Mapping[str, Any] | None:
        """The first of those with the highest mean IoU, which ``model/best`` is of."""
        known = [line for line in self.validations if not math.isnan(line["val_mean_iou"])]
        return max(known, key=lambda line: line["val_mean_iou"], default=None)

    def curve(self, field: str) -> tuple[list[int], list[float]]:
        """Returns the steps at which ``field`` was recorded, and its values there."""
        lines = [line for line in self.metrics if field in line]
        return [line["step"] for line in lines], [line[field] for line in lines]


def read_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Reads runs, each named by its folder and as many of the folders above as it takes.

    A folder that is given twice is read once.

    Raises:
        DataError: a folder is no run, or a file in it is damaged.
    """
    paths = list({Path(folder).resolve(): None for folder in folders})
    names = _telling_apart(paths)
    return [
        Run(name, read_config(folder), read_metrics(folder / METRICS_FILE))
        for name, folder in zip(names, paths, strict=True)
    ]


def _telling_apart(folders: Sequence[Path]) -> list[str]:
    parts = 1
    while len({folder.parts[-parts:] for folder in folders}) < len(folders):
        parts += 1
    return [str(Path(*folder.parts[-parts:])) for folder in folders]
