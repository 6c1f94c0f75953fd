"""The registry of datasets.

Nothing here imports TensorFlow, so that worker processes of a conversion start at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import Registry

SamplesFunction = Callable[[Path, str], Iterator[Sample]]
DescribeFunction = Callable[[Path], DatasetInfo]


@dataclass(frozen=True)
class Dataset:
    """A registered dataset.

    Attributes:
        name: its registry name.
        source: where it comes from.
        describe: ``describe(root)`` returns the description, which for a set of one's own depends
            on the files below its root.
        samples: ``samples(root, split)`` yields the samples in a fixed order.
        fixed_info: the description, where it is the same for every root.
    """

    name: str
    source: Source
    describe: DescribeFunction
    samples: SamplesFunction
    fixed_info: DatasetInfo | None = None

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


def register(info: DatasetInfo, source: Source) -> Callable[[SamplesFunction], SamplesFunction]:
    """Registers the decorated ``samples(root, split)`` function under ``info.name``."""

    def add(samples: SamplesFunction) -> SamplesFunction:
        dataset = Dataset(info.name, source, lambda root: info, samples, info)
        DATASETS.add(info.name, dataset, samples.__module__)
        return samples

    return add


def register_described(
    name: str, source: Source, describe: DescribeFunction
) -> Callable[[SamplesFunction], SamplesFunction]:
    """Registers a dataset whose classes and splits ``describe(root)`` finds below its root."""

    def add(samples: SamplesFunction) -> SamplesFunction:
        DATASETS.add(name, Dataset(name, source, describe, samples), samples.__module__)
        return samples

    return add


def get_dataset(name: str) -> Dataset:
    """Returns the registered dataset called ``name``, or raises a `DataError` with the names."""
    return DATASETS[name]


def dataset_names() -> list[str]:
    """Returns the names of all registered datasets, sorted."""
    return list(DATASETS)
