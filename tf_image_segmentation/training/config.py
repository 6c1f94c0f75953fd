"""What a training run is made of: the recipe, and where its inputs and outputs lie."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tf_image_segmentation.errors import DataError

OPTIMIZERS = ("adam", "momentum")
SCHEDULES = ("constant", "poly")
COLOR_DISTORTIONS = ("none", "fast", "full")
STRATEGIES = ("default", "mirrored", "multi_worker")
COMPUTE_DTYPES = ("float32", "bfloat16")
_CHOICES = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "color_distortion": COLOR_DISTORTIONS,
    "compute_dtype": COMPUTE_DTYPES,
}


def _require(condition: bool, rule: str, value: Any) -> None:
    if not condition:
        raise DataError(f"{rule}, got {value}")


def _size(sides: Iterable[int]) -> str:
    return "x".join(str(side) for side in sides)


@dataclass(frozen=True)
class Recipe:
    """How one stage (one model on one dataset) is trained.

    Attributes:
        steps: optimizer steps.
        learning_rate: peak rate, for the mean loss over labeled pixels.
        batch_size: crops a step, over all devices.
        crop_size: height and width of a crop, multiples of 32.
        optimizer: "adam", or "momentum" for stochastic gradient descent.
        momentum: of "momentum"; Adam keeps its published 0.9 and 0.999.
        schedule: "constant" or "poly", see `schedule.LearningRate`.
        warmup_steps: steps of linear warm-up.
        weight_decay: factor of the L2 penalty ``sum(w ** 2) / 2`` over weights, not biases, that is
            added to the loss.
        class_balancing: exponent of the class weights ``(median frequency / frequency)``; 0 weighs
            all pixels alike, 1 is median frequency balancing (Eigen and Fergus, ICCV 2015).
        flip: whether crops are mirrored at random.
        scale_range: bounds of the random scale, None to leave the size alone.
        color_distortion: "none", "fast" (brightness, saturation) or "full" (and hue, contrast).
        model_options: passed to the model function, such as ``width_multiplier``.
        new_layers: layers that may start as initialized, where the first checkpoint lacks them or
            has them in another shape.
        compute_dtype: type of the convolutions, "float32" or "bfloat16".
        validation_interval: steps between validations; the last step always validates.
    """

    steps: int
    learning_rate: float
    batch_size: int = 1
    crop_size: tuple[int, int] = (384, 384)
    optimizer: str = "adam"
    momentum: float = 0.9
    schedule: str = "constant"
    warmup_steps: int = 0
    weight_decay: float = 0.0
    class_balancing: float = 0.0
    flip: bool = True
    scale_range: tuple[float, float] | None = (0.9, 1.1)
    color_distortion: str = "none"
    model_options: Mapping[str, Any] = field(default_factory=dict)
    new_layers: tuple[str, ...] = ()
    compute_dtype: str = "float32"
    validation_interval: int = 5000

    def __post_init__(self) -> None:
        low, high = self.scale_range if self.scale_range is not None else (1.0, 1.0)
        at_least_one = ("steps", "batch_size", "validation_interval")
        not_negative = ("warmup_steps", "weight_decay", "class_balancing", "momentum")
        for name in at_least_one:
            _require(getattr(self, name) >= 1, f"{name} must be at least 1", getattr(self, name))
        for name in not_negative:
            _require(getattr(self, name) >= 0, f"{name} must not be negative", getattr(self, name))
        rate = self.learning_rate
        _require(0 < rate < math.inf, "learning_rate must be above 0 and finite", rate)
        _require(
            0 < low <= high < math.inf, "scale_range must be two factors in order", (low, high)
        )
        nearest = _size(max(1, round(side / 32)) * 32 for side in self.crop_size)
        _require(
            len(self.crop_size) == 2 and all(s >= 32 and s % 32 == 0 for s in self.crop_size),
            f"crop_size must be height and width in multiples of 32, for example {nearest}",
            _size(self.crop_size),
        )
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            _require(value in choices, f"{name} must be one of {choices}", value)


@dataclass(frozen=True)
class TrainingConfig:
    """One run: a model, its recipe, its inputs and its folder.

    Attributes:
        model: "fcn_32s", "fcn_16s" or "fcn_8s".
        recipe: how it is trained.
        tfrecords: records to train on: a folder with a manifest (its "train" split), one file, or a
            glob; or several folders, which train together.
        val_tfrecords: records to validate on (the "val" split of a folder); None validates on the
            "val" split beside the training records if they have one.
        run_dir: folder that the run writes to.
        init_checkpoint: where the weights start from; None starts from random ones.
        dataset: registered dataset whose classes records without a manifest have.
        class_map: file that puts the classes of the folders into one space, see
            ``tfrecords.mixture``; it may also change those of one folder.
        sampling_weights: for each folder, how often an example of it is taken, in proportion; None
            makes each example as likely.
        seed: decides initial weights, element order, augmentation and dropout.
        checkpoint_interval: steps between checkpoints.
        keep_checkpoints: how many of the newest checkpoints stay.
    """

    model: str
    recipe: Recipe
    tfrecords: str | tuple[str, ...]
    run_dir: Path
    val_tfrecords: str | None = None
    init_checkpoint: str | None = None
    dataset: str | None = None
    class_map: str | None = None
    sampling_weights: tuple[float, ...] | None = None
    seed: int = 0
    checkpoint_interval: int = 1000
    keep_checkpoints: int = 3

    def __post_init__(self) -> None:
        for name in ("checkpoint_interval", "keep_checkpoints"):
            _require(getattr(self, name) >= 1, f"{name} must be at least 1", getattr(self, name))
        _require(0 <= self.seed < 2**31, "seed must be 0 to 2147483647", self.seed)

    @property
    def makes_mixture(self) -> bool:
        """Whether the run makes a mixture of its records, even of a single folder."""
        several = not isinstance(self.tfrecords, str)
        return several or self.class_map is not None or self.sampling_weights is not None

    def to_json(self) -> dict[str, Any]:
        """Returns the configuration as JSON types."""
        fields = asdict(self)
        fields["run_dir"] = str(self.run_dir)
        for name in ("tfrecords", "sampling_weights"):
            value = fields[name]
            fields[name] = list(value) if isinstance(value, tuple) else value
        for name in ("crop_size", "scale_range", "new_layers"):
            value = fields["recipe"][name]
            fields["recipe"][name] = list(value) if value is not None else None
        return fields
