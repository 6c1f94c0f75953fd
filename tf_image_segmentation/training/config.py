"""One training run: a model, its recipe, its inputs and its folder."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.recipe import Recipe

STRATEGIES = ("default", "mirrored", "multi_worker")


def _require(condition: bool, rule: str, value: Any) -> None:
    if not condition:
        raise DataError(f"{rule}, got {value}")


@dataclass(frozen=True)
class TrainingConfig:
    """One run: a model, its recipe, its inputs and its folder.

    Attributes:
        model: name of a registered model.
        recipe: how it is trained.
        tfrecords: records to train on: a folder with a manifest (its "train" split), one file, or a
            glob; or several folders, which train together.
        val_tfrecords: records to validate on (the "val" split of a folder); None validates on the
            "val" split beside the training records if they have one.
        run_dir: folder that the run writes to.
        init_checkpoint: where the weights start from; None takes the ``init`` of the recipe, and
            without one, random weights.
        dataset: registered dataset whose classes records without a manifest have.
        class_map: file that puts the classes of the folders into one space, see
            ``tfrecords.mixture``; it may also change those of one folder.
        sampling_weights: for each folder, how often an example of it is taken, in proportion; None
            makes each example as likely.
        seed: decides initial weights, element order, augmentation and dropout.
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
    keep_checkpoints: int = 3

    def __post_init__(self) -> None:
        _require(
            self.keep_checkpoints >= 1, "keep_checkpoints must be at least 1", self.keep_checkpoints
        )
        _require(0 <= self.seed < 2**31, "seed must be 0 to 2147483647", self.seed)

    @property
    def makes_mixture(self) -> bool:
        """Whether the run makes a mixture of its records, even of a single folder."""
        several = not isinstance(self.tfrecords, str)
        return several or self.class_map is not None or self.sampling_weights is not None

    def to_json(self) -> dict[str, Any]:
        """Returns the configuration as JSON types."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain |= {"recipe": self.recipe.to_json(), "run_dir": str(self.run_dir)}
        return {n: list(v) if isinstance(v, tuple) else v for n, v in plain.items()}
