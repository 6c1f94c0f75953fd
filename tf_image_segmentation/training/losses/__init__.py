"""Losses by name: a recipe's ``loss`` names them, alone or in a weighted sum.

This module loads no TensorFlow; `total` puts the losses of a recipe together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from tf_image_segmentation.registry import Registry

LOSSES: Registry[Callable[..., Any]] = Registry("loss", "tf_image_segmentation.training.losses")
"""Every loss in its wide form, see `register_loss`."""

F = TypeVar("F", bound=Callable[..., Any])


def register_loss(function: F | None = None, *, name: str | None = None, wide: bool = False) -> Any:
    """Registers the decorated loss, by default under its function's name.

    A simple loss is ``f(logits, labels, **arguments) -> losses``, one number a pixel:

    - ``logits``: float32 [batch, height, width, classes];
    - ``labels``: int32 [batch, height, width]; pixels without a label have class 0 here;
    - ``losses``: float32 [batch, height, width]. Pixels without a label are masked afterwards, and
      the rest is averaged over all replicas, with the class weights of ``class_balancing``.

    A wide loss sees a whole image set: ``f(logits, labels, weights, sum_over_replicas,
    **arguments) -> part``. It must give the same loss and gradients on any number of replicas:

    - ``weights``: float32 [batch, height, width], 0 where a pixel has no label, else the weight of
      its class, which is 1 without class balancing;
    - ``sum_over_replicas(x)``: sums a float32 tensor over the replicas, and so do its gradients;
    - ``part``: a float32 scalar. The parts of all replicas add up to the loss of the whole batch.
      A loss that is the same on all replicas is divided by ``sum_over_replicas(1.0)``.

    Args:
        function: the loss.
        name: what recipes call it.
        wide: whether it has the wide form.

    Raises:
        DataError: another module has registered a loss of that name.
    """
    return LOSSES.register(function, name=name, make=None if wide else _averaged)


def _averaged(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the wide form of a simple loss."""

    @functools.wraps(function)
    def loss(
        logits: Any, labels: Any, weights: Any, sum_over_replicas: Any, **arguments: Any
    ) -> Any:
        from tf_image_segmentation.training.losses.total import weighted_mean

        losses = function(logits, labels, **arguments)
        return weighted_mean(losses, weights, sum_over_replicas)

    return loss
