"""Formats that predicted labels are written in, by name; each is one file of this package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tf_image_segmentation.inference.jobs import Job
from tf_image_segmentation.inference.visualization import Palette
from tf_image_segmentation.registry import Part, Registry

F = TypeVar("F", bound=type)


@dataclass(frozen=True)
class Classes:
    """What the classes of predictions are.

    Attributes:
        names: of each class id; empty where they are not known.
        palette: color of each class id.
        background: the id of the class that is the background, None where there is none.
    """

    names: tuple[str, ...]
    palette: Palette
    background: int | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """A name of each class id, "class 3" where names are not known."""
        return self.names or tuple(f"class {label}" for label in range(len(self.palette)))


@dataclass(frozen=True, eq=False)
class Labeled:
    """A picture with its labels.

    Attributes:
        job: where it comes from and goes to.
        image: uint8 [height, width, 3], RGB.
        labels: uint8 [height, width], class ids.
        classes: what the ids mean.
    """

    job: Job
    image: np.ndarray
    labels: np.ndarray
    classes: Classes


class LabelFormat(ABC):
    """Writes labels; its constructor takes further arguments of the format as keywords.

    Args:
        folder: where all results go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def target(self, job: Job) -> Path:
        """Returns the file of a picture's labels; where it is, the picture is done."""

    def check(self, jobs: Sequence[Job], classes: Classes) -> None:
        """Raises a `DataError` if these cannot be written, before anything is."""
        return

    @abstractmethod
    def write(self, labeled: Labeled, staging: Path) -> None:
        """Writes the labels of a picture, `target` last.

        Args:
            labeled: the picture.
            staging: a folder in the file system of the results, see `atomic.place`.
        """

    def finish(self, classes: Classes) -> None:
        """Writes what comes once after the last picture."""
        return


FORMATS: Registry[Callable[..., LabelFormat]] = Registry(
    "format", "tf_image_segmentation.inference.formats"
)


def register_format(name: str) -> Callable[[F], F]:
    """Registers the decorated `LabelFormat` under a name.

    Raises:
        DataError: another module has registered a format of that name.
    """
    return FORMATS.register(name=name)


def make_format(value: Any, folder: Path) -> LabelFormat:
    """Returns the format that a name, or a table with a name and arguments, means.

    Raises:
        DataError: there is no such format, or its arguments are wrong.
    """
    return FORMATS.bind(Part.parse(value, FORMATS.kind), "folder")(folder=folder)
