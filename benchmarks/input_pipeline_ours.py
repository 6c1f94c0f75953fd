"""Feeds as this package's trainer does: compressed images in records, tf.data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from input_pipeline_task import MEAN, VOID, Task

from tf_image_segmentation.input.augmentation import make_augmentation
from tf_image_segmentation.input.pipeline import training_batches
from tf_image_segmentation.tfrecords import open_records


def make_batches(task: Task) -> Iterator[Any]:
    """Returns the batches, tensors on the host."""
    operations: list[Any] = ["flip"]
    operations += ["color"] if task.colors else []
    operations.append({"name": "scale", "range": task.scale_range})
    augmentation = make_augmentation(operations, (task.crop, task.crop), MEAN, VOID)
    records = open_records(task.data / "records", "train")
    return iter(training_batches(records, augmentation, task.batch_size, seed=0))
