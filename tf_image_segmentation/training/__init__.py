"""Training: what is learned.

Names are imported when they are used: this package alone loads no TensorFlow, so that scripts
answer --help at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tf_image_segmentation.training.config import TrainingConfig
from tf_image_segmentation.training.losses import register_loss
from tf_image_segmentation.training.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    from tf_image_segmentation.training.callbacks import Callback
    from tf_image_segmentation.training.loop import train

_LAZY = {"Callback": "callbacks", "train": "loop"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_LAZY[name]}")
    return getattr(module, name)
