"""How models of one kind are fine-tuned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True)
class Family:
    """How models of one kind are fine-tuned.

    Attributes:
        pattern: of their names.
        learning_rate: peak rate of AdamW for a batch of 8.
        factors: of the learning rate, by pattern of variable names.
        options: of the model function.
        fine_options: for structures of a few pixels.
        fine_cost: how many times longer a step takes with these.
        few_images_options: for batches too small for batch normalization.
    """

    pattern: str
    learning_rate: float
    factors: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    fine_options: Mapping[str, Any] = field(default_factory=dict)
    fine_cost: float = 1.0
    few_images_options: Mapping[str, Any] = field(default_factory=dict)


_FROZEN = {"freeze_batch_norm": True}
FAMILIES = (
    Family(
        "deeplab_v3*mobilenet_v2",
        1.5e-3,
        {"*/MobilenetV2/*": 0.2},
        {"batch_norm_decay": 0.99},
        {"output_stride": 8},
        1.6,
        _FROZEN,
    ),
    Family(
        "mobilenet_v2_fcn_16s",
        1.5e-3,
        {"*/MobilenetV2/*": 0.2},
        {"batch_norm_decay": 0.99},
        few_images_options=_FROZEN,
    ),
    Family(
        "deeplab_v3*resnet*",
        5e-4,
        {"*/resnet_v1_*/*": 0.2},
        {"batch_norm_decay": 0.99},
        {"output_stride": 8},
        2.5,
        _FROZEN,
    ),
    Family("resnet_v1_*", 3e-4, {}, {"batch_norm_decay": 0.99}, few_images_options=_FROZEN),
    Family("fcn_*", 1.5e-4),
    Family("*", 5e-4),
)
"""The first whose pattern fits is taken."""


def family_of(model: str) -> Family:
    """Returns how a registered model is fine-tuned."""
    return next(family for family in FAMILIES if fnmatchcase(model, family.pattern))
