"""Planning: from records and a machine to a recipe.

`fingerprint` says what is known of both, `rules` decides, `recipe_file` writes the decisions down.
Names are imported when they are used, so that this package alone loads no TensorFlow.

Idea: Isensee et al., "nnU-Net: a self-configuring method for deep learning-based biomedical image
segmentation", Nature Methods 2021.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tf_image_segmentation.planning.planner import plan_recipe

_LAZY = {"plan_recipe": "planner"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_LAZY[name]}")
    return getattr(module, name)
