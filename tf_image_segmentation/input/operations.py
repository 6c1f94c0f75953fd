"""The registry of augmentation ops: random changes to an image together with its mask.

An op is a function ``f(image, mask, seed, **arguments) -> (image, mask)``:

- ``image``: float32 [height, width, 3], RGB in 0..255.
- ``mask``: int32 [height, width], class ids, -1 where a pixel is ignored.
- ``seed``: int32 [2]; all that is random must follow from it.

An op that brings in new pixels sets them to -1 in the mask. It gets the color of padding and the
size of the crop by having a parameter ``image_fill`` (RGB) or ``crop_size`` (height, width).
This module loads no TensorFlow, so that plugin files are quick to load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from tf_image_segmentation.registry import Registry

if TYPE_CHECKING:
    import tensorflow as tf

ImageAndMask = tuple["tf.Tensor", "tf.Tensor"]
Operation = Callable[..., Any]
F = TypeVar("F", bound=Operation)

IGNORED = -1
"""Label of ignored pixels inside augmentation."""

_READS_LABELS = "_reads_labels"

AUGMENTATIONS: Registry[Operation] = Registry("augmentation", "tf_image_segmentation.input")
"""All augmentations by name."""


def register_augmentation(
    function: F | None = None, *, name: str | None = None, reads_labels: bool = True
) -> Any:
    """Registers the decorated op; use as ``@register_augmentation`` or with ``(name=...)``.

    Args:
        function: the op, see above.
        name: what a recipe calls it; the function's name unless given.
        reads_labels: False promises that the op only moves the pixels of the mask, whatever their
            integer type and labels, and brings in no new ones: the mask need not be converted.

    Raises:
        DataError: another module has registered an augmentation of that name.
    """

    def marked(operation: Operation) -> Operation:
        setattr(operation, _READS_LABELS, reads_labels)
        return operation

    return AUGMENTATIONS.register(function, name=name, make=marked)


def reads_labels(function: Operation) -> bool:
    """Returns whether the mask must be int32 with -1 where ignored; see `register_augmentation`."""
    return getattr(function, _READS_LABELS, True)
