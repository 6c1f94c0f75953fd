"""All parts that a recipe names, looked up at once."""

from __future__ import annotations

from tf_image_segmentation.evaluation.metrics import parse_metrics
from tf_image_segmentation.input.augmentation import make_augmentation
from tf_image_segmentation.models.registry import MODELS
from tf_image_segmentation.training.losses.total import make_loss
from tf_image_segmentation.training.optimizers import OPTIMIZERS
from tf_image_segmentation.training.recipe import Recipe
from tf_image_segmentation.training.schedules import LearningRate


def check_parts(recipe: Recipe, model: str) -> None:
    """Raises a DataError if a part is unknown or does not take its arguments.

    Args:
        recipe: what names optimizer, schedule, losses, augmentations and metrics.
        model: name of the model.
    """
    spec = MODELS[model]
    OPTIMIZERS.bind(recipe.optimizer, "learning_rate")
    LearningRate(recipe.learning_rate, recipe.steps, recipe.schedule, recipe.warmup_steps)
    make_loss(recipe.loss)
    make_augmentation(recipe.augmentations, recipe.crop_size, spec.pad_value, -1)
    parse_metrics(recipe.metrics)
