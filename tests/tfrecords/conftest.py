"""A small dataset on disk, and records made from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_records import write_classic_records
from tiny_records import jpeg_bytes

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample

INFO = DatasetInfo(
    name="tiny",
    class_names=("background", "cat", "dog"),
    palette=((0, 0, 0), (255, 0, 0), (0, 0, 255)),
    ignore_label=255,
    splits={"train": 5, "val": 3},
)

MakeSamples = Callable[..., list[Sample]]


@pytest.fixture
def info() -> DatasetInfo:
    return INFO


@pytest.fixture
def make_samples(tmp_path: Path) -> MakeSamples:
    """Writes JPEGs of different sizes and index PNG masks; returns their samples."""

    def make(prefix: str, count: int) -> list[Sample]:
        folder = tmp_path / "data"
        folder.mkdir(exist_ok=True)
        samples = []
        for number in range(count):
            height, width = 20 + number, 37 - number % 5
            image, mask = folder / f"{prefix}{number}.jpg", folder / f"{prefix}{number}.png"
            image.write_bytes(jpeg_bytes(height, width, seed=number))
            labels = np.zeros((height, width), np.uint8)
            labels[2:9, 3:12] = 1 + number % 2
            labels[0] = 255
            Image.fromarray(labels).save(mask)
            samples.append(Sample(f"{prefix}{number}", image, mask))
        return samples

    return make


@pytest.fixture
def splits(make_samples: MakeSamples) -> dict[str, list[Sample]]:
    return {"train": make_samples("t", 5), "val": make_samples("v", 3)}


@pytest.fixture
def records_folder(info: DatasetInfo, splits: dict[str, list[Sample]], tmp_path: Path) -> Path:
    """A finished conversion: train in 2 files of 2 and 3 records, val in 2 of 1 and 2."""
    from tf_image_segmentation.tfrecords import convert

    folder = tmp_path / "records"
    convert(info, splits, folder, num_shards=2, workers=1, progress=False)
    return folder


@pytest.fixture
def classic_file(tmp_path: Path) -> tuple[Path, list[tuple[np.ndarray, np.ndarray]]]:
    """A record file as the classic system wrote it, and the arrays that are in it."""
    rng = np.random.default_rng(3)
    examples = []
    for height, width in ((5, 7), (9, 4), (1, 6)):
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        mask = rng.choice(np.array([0, 1, 20, 255], np.uint8), (height, width))
        examples.append((image, mask))
    return write_classic_records(tmp_path / "pascal_train.tfrecords", examples), examples
