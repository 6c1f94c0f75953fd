"""Tiny records and a tiny network, so that a whole run takes a second or two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.training import Recipe, TrainingConfig

INFO = DatasetInfo(
    name="tiny",
    class_names=("background", "cat", "dog"),
    palette=((0, 0, 0), (255, 0, 0), (0, 0, 255)),
    ignore_label=255,
)
RECIPE = Recipe(
    steps=6,
    learning_rate=1e-3,
    batch_size=2,
    crop_size=(32, 64),
    schedule="poly",
    warmup_steps=2,
    augmentations=["flip", "color", {"name": "scale", "range": [0.9, 1.1]}],
    weight_decay=1e-4,
    model_options={"width_multiplier": 0.05, "fc_channels": 128, "fc6_kernel": 1},
    validation_interval=3,
    checkpoint_interval=2,
)


def write_samples(folder: Path, split: str, count: int, label: int | None = None) -> list[Sample]:
    """Writes images whose class is their brightness, which any network can learn."""
    rng = np.random.default_rng(count)
    samples = []
    for number in range(count):
        brightness = 30 + 90 * (number % 3)
        image = Image.fromarray(rng.integers(0, 30, (40, 48, 3), np.uint8) + np.uint8(brightness))
        mask = np.full((40, 48), number % 3, np.uint8)
        mask[0] = 255
        if label is not None:
            mask[:] = label
        path = folder / f"{split}{number}"
        image.save(path.with_suffix(".jpg"), quality=95)
        Image.fromarray(mask).save(path.with_suffix(".png"))
        samples.append(Sample(path.name, path.with_suffix(".jpg"), path.with_suffix(".png")))
    return samples


MakeRecords = Callable[..., Path]
MakeConfig = Callable[..., TrainingConfig]


def _make_records_in(folder: Path) -> MakeRecords:
    def make(
        name: str = "records", label: int | None = None, train_count: int = 5, val_count: int = 2
    ) -> Path:
        from tf_image_segmentation.tfrecords import convert

        images = folder / f"{name}_images"
        images.mkdir()
        splits = {
            "train": write_samples(images, "train", train_count, label),
            "val": write_samples(images, "val", val_count),
        }
        convert(INFO, splits, folder / name, num_shards=2, workers=1, progress=False)
        return folder / name

    return make


def _make_config_in(folder: Path, val_count: int = 2) -> MakeConfig:
    records = folder / "records"
    if not records.exists():
        _make_records_in(folder)(val_count=val_count)

    def make(run: str = "run", model: str = "fcn_32s", **changes: object) -> TrainingConfig:
        fields = {name: changes.pop(name) for name in list(changes) if name in _RUN_FIELDS}
        config = TrainingConfig(
            model=model,
            recipe=msgspec.structs.replace(RECIPE, **changes),
            tfrecords=str(records),
            run_dir=folder / run,
        )
        return replace(config, **fields)

    return make


@pytest.fixture
def make_records(tmp_path: Path) -> MakeRecords:
    """make_records(name, label=None) -> folder of 5 training and 2 validation records."""
    return _make_records_in(tmp_path)


@pytest.fixture
def make_config(tmp_path: Path) -> MakeConfig:
    """make_config(run, **recipe fields) -> configuration of a tiny run on the same records."""
    return _make_config_in(tmp_path)


@pytest.fixture(scope="session")
def make_config_in() -> Callable[..., MakeConfig]:
    """make_config_in(folder, val_count=2) -> make_config for runs in that folder."""
    return _make_config_in


_RUN_FIELDS = {
    "tfrecords",
    "val_tfrecords",
    "init_checkpoint",
    "seed",
    "dataset",
    "keep_checkpoints",
}
