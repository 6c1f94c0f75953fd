"""The commands that convert and train, as functions: each option is an argument of the same name.

Example::

    import tf_image_segmentation as tfs

    tfs.convert("rooms", "data/rooms", split="80/20")
    tfs.train("data/rooms", model="fcn_8s", recipe="shapes", run_dir="runs/rooms")
    print(tfs.evaluate("runs/rooms/model/last", "data/rooms").mean_iou)
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from tf_image_segmentation.cli import command_line, convert_dataset
from tf_image_segmentation.cli import train as train_command
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.config import TrainingConfig
from tf_image_segmentation.training.recipe import FIELDS

if TYPE_CHECKING:  # TensorFlow takes seconds to load, and importing the package should not wait
    import tensorflow as tf

    from tf_image_segmentation.training.callbacks import Callback, TrainingResult

AnyPath = str | os.PathLike[str]


def convert(
    root: AnyPath,
    output_dir: AnyPath,
    layout: str = "auto",
    *,
    workers: int = 1,
    progress: bool = True,
    **options: Any,
) -> Path:
    """Converts a dataset to records, as ``convert_dataset.py`` does.

    Args:
        root: folder or file of the dataset.
        output_dir: folder to make.
        layout: a layout of custom data such as "folder" or "coco", the name of a published dataset,
            or "auto", which finds the layout.
        workers: processes that read and check images. A script that wants more than one must call
            this below ``if __name__ == "__main__":``.
        progress: whether progress bars are shown.
        options: other options of the command, such as ``split="80/20"``, ``mask_encoding="rgb"``
            or ``overwrite=True``; a list where an option takes several values.

    Returns:
        ``output_dir``, or with ``folds=5`` the folder that has one of records for each fold.

    Raises:
        DataError: the dataset or an option cannot be used; nothing is written.
        TypeError: there is no such option.
    """
    given = {"root": root, "output_dir": output_dir, "workers": workers, **options}
    parser = convert_dataset.make_parser()
    arguments = _parsed(parser, [layout, *_words(parser, given)])
    arguments.progress = progress
    convert_dataset.convert(arguments)
    return Path(output_dir)


def train(
    records: TrainingConfig | AnyPath | Sequence[AnyPath],
    model: str | None = None,
    recipe: AnyPath | None = None,
    run_dir: AnyPath | None = None,
    *,
    resume: bool = False,
    progress: bool = True,
    strategy: str | tf.distribute.Strategy | None = None,
    callbacks: Sequence[Callback] = (),
    **options: Any,
) -> TrainingResult:
    """Trains a model, as ``train.py`` does; see `training.loop.train`.

    Args:
        records: folder, file or glob to train on, or several folders; or a whole configuration, to
            which no option can be added.
        model: name of a registered model.
        recipe: name of a built-in recipe, a TOML file, or "auto", a plan for these records on this
            machine; None is "auto" for records of no published dataset.
        run_dir: folder of the run; None takes ``runs/MODEL``.
        resume: whether the run in ``run_dir`` is continued.
        progress: whether a progress bar is shown.
        strategy: "default", "mirrored" or "multi_worker", or a strategy that is there already.
        callbacks: are told about every step and validation.
        options: other options of the command, such as ``init_checkpoint="voc_mobilenet_v2"`` or
            ``minutes=10``, and fields of the recipe, such as ``steps=200`` or
            ``loss=["cross_entropy", {"name": "dice", "weight": 0.5}]``.

    Returns:
        Step, exit code of the command, and the last and the best mean IoU of the validations.

    Raises:
        DataError: what is given cannot be used, or training fails; see `training.loop.train`.
        TypeError: there is no such option.
    """
    from tf_image_segmentation.training.distribution import make_strategy
    from tf_image_segmentation.training.loop import train as train_with

    config = records
    if not isinstance(config, TrainingConfig):
        given = {"recipe": recipe, "run_dir": run_dir, "resume": resume, **options}
        if isinstance(strategy, str):
            given["strategy"] = strategy
        config = _training_config(records, model, given)
    elif options or not model is recipe is run_dir is None:
        raise TypeError("train: a TrainingConfig has model, recipe and options; change it instead")
    if isinstance(strategy, str):
        strategy = make_strategy(strategy)
    return train_with(config, resume, progress, strategy, callbacks)


def _training_config(records: Any, model: str | None, options: Mapping[str, Any]) -> TrainingConfig:
    if model is None:
        raise TypeError("train: name a model, such as model='fcn_8s'")
    folders = [records] if isinstance(records, str | os.PathLike) else list(records)
    parser = train_command.make_parser(model)
    words = _words(parser, {"tfrecords": folders, **options})
    return train_command.resolved_config(_parsed(parser, words), model, None)


def _parsed(parser: command_line.Parser, words: list[str]) -> Any:
    """Parses without leaving the process where a value is wrong."""

    def refuse(message: str) -> NoReturn:
        raise DataError(message)

    parser.error = refuse  # type: ignore[method-assign]
    return parser.parse_args(words)


def _words(parser: command_line.Parser, options: Mapping[str, Any]) -> list[str]:
    """Returns options as they are typed; fields of a recipe are set with --set."""
    known = {name for action in parser._actions for name in action.option_strings}
    known |= {"--plugins"}  # which parsing adds
    words: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        is_field = name in FIELDS and "--set" in known
        if flag not in known and not is_field:
            raise TypeError(f"there is no option {name!r}; {parser.prog} --help shows them")
        if value is None or value is False:
            continue
        words += [f"--set={name}={_toml(value)}"] if is_field else _typed(flag, value)
    return words


def _typed(flag: str, value: Any) -> Iterator[str]:
    if value is True:
        return iter([flag])
    if isinstance(value, list | tuple):
        return iter([flag, *map(str, value)])
    return iter([f"{flag}={value}"])


def _toml(value: Any) -> str:
    """Returns a value as TOML; numbers, texts and truths are written as in JSON."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_toml(key)} = {_toml(value[key])}' for key in value)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return msgspec.json.encode(value).decode()
