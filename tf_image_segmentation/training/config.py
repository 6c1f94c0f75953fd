"""What a training run is made of: the recipe, and where its inputs and outputs lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tf_image_segmentation.errors import DataError

OPTIMIZERS = ("adam", "momentum")
COLOR_DISTORTIONS = ("none", "fast", "full")


def _size(sides: Iterable[int]) -> str:
    return "x".join(str(side) for side in sides)


@dataclass(frozen=True)
class Recipe:
    """How one stage (one model on one data set) is trained.

    Attributes:
        steps: optimizer steps.
        learning_rate: peak rate, for the mean loss over labelled pixels.
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
        new_layers: layers that the first checkpoint lacks and that start as initialised.
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
        problems = [
            (self.steps < 1, f"steps must be at least 1, got {self.steps}"),
            (self.batch_size < 1, f"batch_size must be at least 1, got {self.batch_size}"),
            (self.validation_interval < 1, "validation_interval must be at least 1"),
            (
                any(side < 32 or side % 32 for side in self.crop_size),
                f"crop_size must be multiples of 32, got {_size(self.crop_size)}; the nearest is "
                + _size(max(1, round(side / 32)) * 32 for side in self.crop_size),
            ),
            (
                not self.learning_rate > 0,
                f"learning_rate must be above 0, got {self.learning_rate}",
            ),
            (
                self.optimizer not in OPTIMIZERS,
                f"unknown optimizer {self.optimizer!r}; choose from {OPTIMIZERS}",
            ),
            (
                self.color_distortion not in COLOR_DISTORTIONS,
                f"unknown color_distortion {self.color_distortion!r}; "
                f"choose from {COLOR_DISTORTIONS}",
            ),
            (
                self.scale_range is not None and not 0 < self.scale_range[0] <= self.scale_range[1],
                f"scale_range must be two positive factors in order, got {self.scale_range}",
            ),
        ]
        for wrong, message in problems:
            if wrong:
                raise DataError(message)


@dataclass(frozen=True)
class TrainingConfig:
    """One run: a model, its recipe, its inputs and its folder.

    Attributes:
        model: "fcn_32s", "fcn_16s" or "fcn_8s".
        recipe: how it is trained.
        tfrecords: records to train on: a folder with a manifest (its "train" split), one file, or a
            glob.
        val_tfrecords: records to validate on (the "val" split of a folder); None validates on the
            "val" split beside the training records if they have one.
        run_dir: folder that the run writes to.
        init_checkpoint: where the weights start from; None starts from random ones.
        dataset: registered data set whose classes records without a manifest have.
        seed: decides initial weights, element order, augmentation and dropout.
        checkpoint_interval: steps between checkpoints.
        keep_checkpoints: how many of the newest checkpoints stay.
    """

    model: str
    recipe: Recipe
    tfrecords: str
    run_dir: Path
    val_tfrecords: str | None = None
    init_checkpoint: str | None = None
    dataset: str | None = None
    seed: int = 0
    checkpoint_interval: int = 1000
    keep_checkpoints: int = 3

    def to_json(self) -> dict[str, Any]:
        """Returns the configuration as JSON types."""
        fields = asdict(self)
        fields["run_dir"] = str(self.run_dir)
        for name in ("crop_size", "scale_range", "new_layers"):
            value = fields["recipe"][name]
            fields["recipe"][name] = list(value) if value is not None else None
        return fields
