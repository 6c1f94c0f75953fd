"""One's own data in train_my_data.py: its layout, and the commands that inspect and convert it."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tf_image_segmentation.cli.conversion import add_conversion_arguments
from tf_image_segmentation.cli.dataset_choice import add_dataset_arguments, chosen_dataset
from tf_image_segmentation.cli.options import add_image_options
from tf_image_segmentation.cli.splitting import FOLDS_FILE, add_split_options
from tf_image_segmentation.cli.stages import run_command
from tf_image_segmentation.datasets.detection import AUTO
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError

SPLIT = "80/20"
"""Of data without a split for validation."""


class OwnData:
    """A folder that a labeling tool wrote.

    Args:
        root: the folder.
        options: of convert_dataset.py, as they are typed.
        folds: of a cross-validation, None for one split.

    Raises:
        DataError: there is no such option.
    """

    def __init__(self, root: Path, options: Sequence[str], folds: int | None) -> None:
        self._root, self._options = root, list(options)
        self._folds = folds
        if folds is not None:
            self._options += ["--folds", str(folds)]
        _, unknown = _conversion_parser().parse_known_args([*self._command, "--output-dir", "x"])
        if unknown:
            raise DataError(
                f"unknown options: {' '.join(unknown)}; they are those of train_my_data.py and "
                "convert_dataset.py, whose --help shows them"
            )

    @property
    def _command(self) -> list[str]:
        return [AUTO, "--root", str(self._root), *self._options]

    @property
    def page_options(self) -> list[str]:
        """The options that predict.py needs to read the same files."""
        return [word for group in _groups(self._options) if group[0] == "--pages" for word in group]

    @functools.cached_property
    def _splits(self) -> Mapping[str, Sequence[Sample]]:
        """The samples as they are found, before data without a split gets one."""
        arguments, _ = _dataset_parser().parse_known_args(self._command)
        return chosen_dataset(arguments)[1].splits

    def split_where_needed(self) -> None:
        """Finds layout and splits, and adds a split for validation where there is none.

        Raises:
            DataError: no layout fits, or something in it is wrong.
        """
        given = {group[0] for group in _groups(self._options)}
        if "val" not in self._splits and not given & {"--split", "--folds"}:
            self._options += ["--split", SPLIT]

    def inspect(self, report: Path, allowed: Sequence[str]) -> None:
        """Runs the inspection, whose failure ends the program."""
        known = _dataset_parser()._option_string_actions
        words = [word for group in _groups(self._options) if group[0] in known for word in group]
        # What is skipped at the conversion does not stop it. Neighbors in a video look alike where
        # blocks of frames meet: that is told, and is no reason to end here.
        skipped = ["missing", "broken"] if "--skip-bad" in self._options else []
        rules = dict.fromkeys(["near-duplicates", *skipped, *allowed])
        command = [AUTO, "--root", self._root, *words, "--report", report, "--allow", *rules]
        run_command("inspect_dataset", *command)

    def is_converted(self, records: Path) -> bool:
        """Returns whether a conversion has ended; that of folds writes their list at its end."""
        return (records / ("manifest.json" if self._folds is None else FOLDS_FILE)).exists()

    def convert(self, records: Path) -> None:
        """Runs the conversion, again where it was stopped between two folds."""
        more = ["--overwrite"] if records.exists() else []
        run_command("convert_dataset", *self._command, "--output-dir", records, *more)

    def images(self, image_ids: Sequence[str]) -> list[Path]:
        """Returns the files of images, each once; stacks hold several."""
        files = {sample.image_id: sample.image for each in self._splits.values() for sample in each}
        return list(dict.fromkeys(files[each] for each in image_ids if each in files))


def _dataset_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_dataset_arguments(parser)
    add_image_options(parser)
    return parser


def _conversion_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_dataset_arguments(parser)
    add_conversion_arguments(parser)
    add_split_options(parser)
    parser.add_argument("--splits", nargs="+")
    parser.add_argument("--plugins", nargs="+")
    return parser


def _groups(options: Sequence[str]) -> Iterator[list[str]]:
    """Yields each option with the values that follow it."""
    group: list[str] = []
    for word in options:
        if word.startswith("--") and group:
            yield group
            group = []
        group += word.split("=", 1) if word.startswith("--") else [word]
    if group:
        yield group
