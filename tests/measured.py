"""Made-up images, on disk and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.inspection.measurement import Position, measure
from tf_image_segmentation.inspection.statistics import SplitStatistics

ImageAndMask = tuple[np.ndarray, np.ndarray]


def statistics_of(split: str, examples: Sequence[ImageAndMask]) -> SplitStatistics:
    """Statistics of images and masks, which are called "<split>0", "<split>1" and so on."""
    statistics = SplitStatistics()
    for number, (image, mask) in enumerate(examples):
        statistics.update(measure(Position(split, number), f"{split}{number}", image, mask))
    return statistics


def smooth(seed: int, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    """An image of a few random waves, which survives resizing as photos do."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC))


INFO = DatasetInfo(
    name="streets",
    class_names=("road", "[car]", "tree"),
    palette=((128, 64, 128), (64, 0, 128), (128, 128, 0)),
    ignore_label=255,
    splits={"train": 4, "val": 2},
)


def blocks(seed: int, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    """A mask of blocks of all classes and the ignore label."""
    coarse = np.random.default_rng(seed).choice(np.array([0, 1, 2, 255], np.uint8), (6, 8))
    return np.array(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.NEAREST))


def write_samples(folder: Path, counts: Mapping[str, int]) -> dict[str, list[Sample]]:
    """Writes different images with masks; those of "val" are called "val0", "val1" and so on."""
    samples: dict[str, list[Sample]] = {}
    for split, count in counts.items():
        (folder / split).mkdir(parents=True)
        for number in range(count):
            seed = sum(map(ord, split)) + number
            image, mask = (folder / split / f"{number}{end}.png" for end in ("", "_mask"))
            Image.fromarray(smooth(seed)).save(image)
            Image.fromarray(blocks(seed)).save(mask)
            samples.setdefault(split, []).append(Sample(f"{split}{number}", image, mask))
    return samples
