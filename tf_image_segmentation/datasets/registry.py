"""The registry of datasets.

Nothing here imports TensorFlow, so that worker processes of a conversion start at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.datasets.split_names import usual_names
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import Registry, choose

SamplesFunction = Callable[[Path, str], Iterable[Sample]]
F = TypeVar("F", bound=Callable[..., Any])


class Splits(Mapping[str, Sequence[Sample]]):
    """The samples of each split, in a fixed order; a split is listed when it is first asked for.

    Args:
        names: of the splits.
        list_samples: returns the samples of a split; its `DataError` is raised by ``splits[name]``.
    """

    def __init__(
        self, names: Iterable[str], list_samples: Callable[[str], Iterable[Sample]]
    ) -> None:
        self._listed: dict[str, list[Sample] | None] = dict.fromkeys(names)
        self._list_samples = list_samples

    def __getitem__(self, split: str) -> Sequence[Sample]:
        """Returns the samples of a split, or raises a `DataError`; of an unknown one, too."""
        listed = choose("split", split, self._listed)
        if listed is None:
            listed = self._listed[split] = list(self._list_samples(split))
        return listed

    def __contains__(self, split: object) -> bool:
        return split in self._listed

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)


class LayoutOption(NamedTuple):
    """An option of a layout: an argument of its function, and an option of the command line.

    Attributes:
        name: of the keyword argument; ``--mask-suffix`` for ``mask_suffix``.
        help: what it means.
        choices: what it may be, None for any text.
    """

    name: str
    help: str
    choices: tuple[str, ...] | None = None


class OpenDataset(NamedTuple):
    """A dataset below some root.

    Attributes:
        info: the description.
        splits: the samples by split.
    """

    info: DatasetInfo
    splits: Mapping[str, Sequence[Sample]]


OpenFunction = Callable[..., OpenDataset]
DetectFunction = Callable[[Path], str | None]
"""Says by what a root is known to have a layout, such as "it has labelmap.txt"; None if it has not.

Looks at names of files and into few of them, and raises no `DataError`.
"""


@dataclass(frozen=True)
class Dataset:
    """A registered dataset.

    Attributes:
        name: its registry name.
        source: where it comes from.
        open_root: what `open` calls.
        fixed_info: the description, where it is the same for every root.
        detect: says whether a root has this layout, None where that is not known.
        options: what `open` takes.
    """

    name: str
    source: Source
    open_root: OpenFunction
    fixed_info: DatasetInfo | None = None
    detect: DetectFunction | None = None
    options: tuple[LayoutOption, ...] = ()

    def open(self, root: str | Path, **options: str) -> OpenDataset:
        """Returns the description and the samples by split of the dataset below ``root``.

        Args:
            root: a folder; a file for some.
            **options: by the names in `options`.

        Raises:
            DataError: there is no such dataset, or it takes no such option. What is wrong with one
                split only may be raised when that split is looked up.
        """
        known = {option.name for option in self.options}
        if strange := sorted(options.keys() - known):
            listed = ", ".join(f"--{name.replace('_', '-')}" for name in strange)
            raise DataError(f"{listed}: is no option of the dataset {self.name!r}; leave it out")
        return self.open_root(Path(root), **options)

    @property
    def info(self) -> DatasetInfo:
        """The description, for a dataset whose classes are known without its files."""
        if self.fixed_info is None:
            raise DataError(
                f"the classes of dataset {self.name!r} are those of the folder that it describes; "
                "use records that were converted from it, whose manifest names them"
            )
        return self.fixed_info


DATASETS: Registry[Dataset] = Registry(
    "dataset", "tf_image_segmentation.datasets.sets", "tf_image_segmentation.datasets.custom"
)


def register_dataset(
    info: DatasetInfo, source: Source, *, detect: DetectFunction | None = None
) -> Callable[[SamplesFunction], SamplesFunction]:
    """Registers the decorated ``samples(root, split)`` function under ``info.name``.

    The function returns the samples of one split of ``info.splits`` in a fixed order. Readers in
    its samples are functions of a module, because samples travel to worker processes.

    Args:
        info: the description.
        source: where the dataset comes from.
        detect: see `Dataset`.

    Raises:
        DataError: another module has registered a dataset of that name.
    """

    def dataset(samples: SamplesFunction) -> Dataset:
        def open_root(root: Path) -> OpenDataset:
            return OpenDataset(info, Splits(info.splits, lambda split: samples(root, split)))

        return Dataset(info.name, source, open_root, info, detect)

    return DATASETS.register(name=info.name, make=dataset)


def register_layout(
    name: str,
    source: Source,
    *,
    detect: DetectFunction | None = None,
    options: tuple[LayoutOption, ...] = (),
) -> Callable[[F], F]:
    """Registers the decorated ``open(root, **options)``, for classes found below the root.

    The function returns ``(info, splits)``: the description, whose sizes of splits need not be
    given, and a mapping from the name of each split to its samples. It reads each file of
    annotations once. A split called "valid" or alike becomes "val".

    Args:
        name: registry name.
        source: where such datasets come from.
        detect: see `Dataset`.
        options: keyword arguments of the function that the command line offers.

    Raises:
        DataError: another module has registered a dataset of that name.
    """

    def dataset(open_root: Callable[..., Any]) -> Dataset:
        def open_found(root: Path, **options: str) -> OpenDataset:
            info, found = open_root(root, **options)
            splits = usual_names(found)
            sizes = {split: len(samples) for split, samples in splits.items()}
            return OpenDataset(replace(info, splits=sizes), Splits(splits, splits.__getitem__))

        return Dataset(name, source, open_found, detect=detect, options=options)

    return DATASETS.register(name=name, make=dataset)


def get_dataset(name: str) -> Dataset:
    """Returns the registered dataset called ``name``, or raises a `DataError` with the names."""
    return DATASETS[name]


def dataset_names() -> list[str]:
    """Returns the names of all registered datasets, sorted."""
    return list(DATASETS)
