"""What a run reads: its records, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.input.augmentation import Augmentation, make_augmentation
from tf_image_segmentation.input.pipeline import check_batch_size, training_batches
from tf_image_segmentation.input.repeats import Repeats, repeats_of
from tf_image_segmentation.models.registry import MODELS, ModelSpec
from tf_image_segmentation.structs import Range
from tf_image_segmentation.tfrecords.files import RecordFile
from tf_image_segmentation.tfrecords.manifest import Manifest
from tf_image_segmentation.tfrecords.mixture import make_mixture
from tf_image_segmentation.tfrecords.reader import Records, open_mixture, open_records
from tf_image_segmentation.training.config import TrainingConfig
from tf_image_segmentation.training.losses.total import class_weights


@dataclass(frozen=True)
class TrainingData:
    """The records of a run; made by `open`.

    Attributes:
        records: what it trains on.
        validation: what it validates on, if anything.
        info: the classes of both.
        ignore_label: mask value of pixels without a label, and of padding.
        class_weights: factor of each class in the loss; None weighs all alike.
        augmentation: what happens to each training example.
        repeats: how often each example of each part is seen in an epoch; None for once.
    """

    records: Records
    validation: Records | None
    info: DatasetInfo
    ignore_label: int
    class_weights: tuple[float, ...] | None
    augmentation: Augmentation
    repeats: tuple[Repeats, ...] | None

    @classmethod
    def open(cls, config: TrainingConfig, replicas: int) -> TrainingData:
        """Opens the records that ``config`` names and checks that they fit together.

        Raises:
            DataError: they do not, or are not there, or damaged, or too few for a batch.
        """
        spec = MODELS[config.model]
        _check_crop_size(config.recipe.crop_size, spec)
        records = _open_training(config)
        check_batch_size(records, config.recipe.batch_size, replicas)
        info = records.described_as(config.dataset)
        # All 256 values of a mask may be classes, so that padding has one of its own.
        ignore_label = -1 if info.ignore_label is None else info.ignore_label
        return cls(
            records,
            _open_validation(config, records, info),
            info,
            ignore_label,
            _balancing(config, records),
            make_augmentation(
                config.recipe.augmentations, config.recipe.crop_size, spec.pad_value, ignore_label
            ),
            _repeats(config, records, info.num_classes),
        )

    @property
    def mixture(self) -> Manifest | None:
        """The manifest of the mixture that the run trains on, None for a dataset alone."""
        return self.records.manifest if self.records.is_mixture else None

    @property
    def intensity_range(self) -> Range | None:
        """What 16-bit images were mapped with at conversion, as far as known."""
        manifest = self.records.manifest
        return None if manifest is None else manifest.intensity_range

    def identity(self) -> dict[str, Any]:
        """Returns what tells the records apart, wherever they lie, and how they are mixed."""
        identity = {"data": _identity(self.records), "validation_data": _identity(self.validation)}
        return identity if self.mixture is None else {**identity, "mixture": _mixing(self.mixture)}

    def batches(
        self, config: TrainingConfig, step: int, context: tf.distribute.InputContext
    ) -> tf.data.Dataset:
        """Returns the batches from ``step`` on, see `training_batches`."""
        return training_batches(
            self.records,
            self.augmentation,
            config.recipe.batch_size,
            config.seed,
            step,
            context,
            self.repeats,
        )


def _check_crop_size(crop_size: tuple[int, int], spec: ModelSpec) -> None:
    divisor = spec.size_divisor
    if any(side % divisor for side in crop_size):
        nearest = [max(1, round(side / divisor)) * divisor for side in crop_size]
        raise DataError(
            f"crop_size must be height and width in multiples of {divisor} for {spec.name}, for "
            f"example {nearest}, got {list(crop_size)}"
        )


def _open_training(config: TrainingConfig) -> Records:
    if isinstance(config.tfrecords, str) and not config.makes_mixture:
        return open_records(config.tfrecords, "train")
    names = [config.tfrecords] if isinstance(config.tfrecords, str) else config.tfrecords
    mixture = make_mixture(names, config.class_map, config.sampling_weights)
    return open_mixture(mixture, "train")


def _open_validation(config: TrainingConfig, train: Records, info: DatasetInfo) -> Records | None:
    path = config.val_tfrecords
    if path is None and train.manifest is not None and "val" in train.manifest.splits:
        if train.manifest.parts:
            return open_mixture(train.manifest, "val")
        # The training records may have been named by a pattern; the manifest lies beside them.
        path = str(train.files[0].parent)
    if path is None:
        return None
    records = open_records(path, "val")
    split = None if records.manifest is None else records.manifest.splits.get("val")
    if split is not None and not any(split.class_pixels):
        raise DataError(
            f"{path}: the validation masks have no labeled pixel; convert masks with labels, or "
            "name other records with --val-tfrecords"
        )
    if records.info is not None and records.info.class_names != info.class_names:
        raise DataError(
            f"{path}: validation classes {records.info.class_names} are not the training classes "
            f"{info.class_names}; convert both sets with the same classes"
        )
    return records


def _balancing(config: TrainingConfig, train: Records) -> tuple[float, ...] | None:
    if config.recipe.class_balancing == 0:
        return None
    if train.manifest is None or "train" not in train.manifest.splits:
        raise DataError(
            f"{config.tfrecords}: class balancing needs the pixel counts of a manifest with a "
            '"train" split; convert the dataset with this program, or use a recipe without '
            "class_balancing"
        )
    pixels = train.manifest.splits["train"].class_pixels
    return class_weights(pixels, config.recipe.class_balancing)


def _repeats(
    config: TrainingConfig, records: Records, num_classes: int
) -> tuple[Repeats, ...] | None:
    threshold = config.recipe.repeat_threshold
    if threshold == 0:
        return None
    with records.naming_damage():
        return tuple(
            repeats_of(part, num_classes, threshold, config.seed) for part in records.parts
        )


def _mixing(mixture: Manifest) -> dict[str, Any]:
    """Returns what decides the classes of a mixture and the order of its examples."""
    # Parts of one dataset may have different classes, but not different places for one class.
    class_map: dict[str, dict[str, str | None]] = {part.data_set: {} for part in mixture.parts}
    for part in mixture.parts:
        class_map[part.data_set].update(part.class_map)
    return {
        "data_sets": [f"{part.data_set} {part.manifest_sha256}" for part in mixture.parts],
        "sampling_weights": [part.weight for part in mixture.parts],
        "class_names": list(mixture.info.class_names),
        "ignore_label": mixture.info.ignore_label,
        "class_map": class_map,
    }


def _identity(records: Records | None) -> list[str]:
    if records is None:
        return []
    return [shard.sha256 or _described(shard) for shard in records.shards]


def _described(shard: RecordFile) -> str:
    size = shard.path.stat().st_size
    return f"{shard.path.name}: {size} bytes, {shard.examples} examples"
